package alluvium.describe;

/** Writes one JSON document. */
final class Json {
    private final StringBuilder text = new StringBuilder();
    private boolean first = true;

    Json object() {
        comma();
        text.append('{');
        first = true;
        return this;
    }

    void array(String name) {
        name(name);
        text.append('[');
        first = true;
    }

    void end() {
        text.append('}');
        first = false;
    }

    void endArray() {
        text.append(']');
        first = false;
    }

    /** A text, a number, a truth value or null. */
    void member(String name, Object value) {
        name(name);
        value(value);
    }

    /** An element of an array. */
    void element(Object value) {
        comma();
        value(value);
    }

    private void name(String name) {
        comma();
        value(name);
        text.append(':');
    }

    private void comma() {
        if (!first) {
            text.append(',');
        }
        first = false;
    }

    private void value(Object value) {
        if (!(value instanceof String)) {
            text.append(value);
            return;
        }
        text.append('"');
        for (char one : ((String) value).toCharArray()) {
            if (one == '"' || one == '\\') {
                text.append('\\').append(one);
            } else if (one < ' ' || Character.isSurrogate(one)) {
                text.append(String.format("\\u%04x", (int) one));
            } else {
                text.append(one);
            }
        }
        text.append('"');
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
