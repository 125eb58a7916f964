package alluvium.describe;

import java.io.BufferedReader;
import java.io.Serializable;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.EnumSerializer;
import org.apache.flink.api.common.typeutils.base.GenericArraySerializer;
import org.apache.flink.api.common.typeutils.base.ListSerializer;
import org.apache.flink.api.common.typeutils.base.MapSerializer;
import org.apache.flink.api.java.typeutils.runtime.NullableSerializer;
import org.apache.flink.api.java.typeutils.runtime.PojoSerializer;
import org.apache.flink.api.java.typeutils.runtime.RowSerializer;
import org.apache.flink.api.java.typeutils.runtime.TupleSerializerBase;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.MapperFeature;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.graph.StreamNode;
import org.apache.flink.types.Row;

/** Records of one source that its stand-in gives before it is idle: a state may be registered only with a record. */
final class Probe implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .configure(MapperFeature.ALLOW_COERCION_OF_SCALARS, false)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT);

    /** How many records all stand-ins gave. */
    static final AtomicInteger GIVEN = new AtomicInteger();

    private final TypeSerializer<Object> serializer;
    private final List<byte[]> records = new ArrayList<>();
    private final List<Long> timestamps = new ArrayList<>();

    private Probe(TypeSerializer<Object> serializer) {
        this.serializer = serializer;
    }

    /** A probe that holds nothing. */
    static Probe none() {
        return new Probe(null);
    }

    /**
     * Reads a file of lines {"source": UID OR NAME, "record": …, "timestamp": MILLISECONDS}; a job of one source needs
     * not name it. Answers by the node of the source.
     */
    static Map<Integer, Probe> read(String file, Map<Integer, StreamNode> sources) throws Exception {
        Map<Integer, Probe> probes = new HashMap<>();
        try (BufferedReader lines = Files.newBufferedReader(Path.of(file))) {
            int number = 0;
            for (String text = lines.readLine(); text != null; text = lines.readLine()) {
                number++;
                if (!text.isBlank()) {
                    String where = file + ", line " + number + ": ";
                    JsonNode line;
                    try {
                        line = JSON.readTree(text);
                    } catch (java.io.IOException error) {
                        throw new Describe.Failure(where + "no JSON: " + error.getMessage().split("\n")[0]);
                    }
                    StreamNode source = source(line, sources, where);
                    probes.computeIfAbsent(source.getId(), id -> of(source)).take(line, where);
                }
            }
        }
        return probes;
    }

    @SuppressWarnings("unchecked")
    private static Probe of(StreamNode source) {
        return new Probe((TypeSerializer<Object>) source.getTypeSerializerOut());
    }

    private static StreamNode source(JsonNode line, Map<Integer, StreamNode> sources, String where) throws Exception {
        Map<String, StreamNode> byName = new TreeMap<>();
        for (StreamNode source : sources.values()) {
            String uid = source.getTransformationUID();
            byName.put(uid == null ? source.getOperatorName().replaceFirst("^Source: ", "") : uid, source);
        }
        JsonNode name = line.get("source");
        if (line.get("record") == null) {
            throw new Describe.Failure(where + "no member \"record\"");
        }
        StreamNode source = name != null ? byName.get(name.asText()) : byName.size() == 1
                ? byName.values().iterator().next() : null;
        if (source == null) {
            String which = name == null ? "no member \"source\"" : "there is no source " + name;
            throw new Describe.Failure(where + which + "; the job has " + String.join(", ", byName.keySet()));
        }
        return source;
    }

    private void take(JsonNode line, String where) throws Exception {
        try {
            DataOutputSerializer out = new DataOutputSerializer(64);
            serializer.serialize(value(line.get("record"), serializer), out);
            records.add(out.getCopyOfBuffer());
        } catch (Exception error) {
            String kind = serializer.getClass().getSimpleName();
            throw new Describe.Failure(where + "no record for the source's " + kind + ": " + error);
        }
        JsonNode timestamp = line.get("timestamp");
        if (timestamp != null && !timestamp.isIntegralNumber()) {
            throw new Describe.Failure(where + "the timestamp is no number of milliseconds");
        }
        timestamps.add(timestamp == null ? null : timestamp.asLong());
    }

    int size() {
        return records.size();
    }

    /** The record at a place, which counts as given. */
    Object record(int place) throws java.io.IOException {
        Object record = serializer.deserialize(new DataInputDeserializer(records.get(place)));
        GIVEN.incrementAndGet();
        return record;
    }

    /** Its timestamp in milliseconds; null if the file names none. */
    Long timestamp(int place) {
        return timestamps.get(place);
    }

    /** Makes of JSON what a serializer takes: tuples and rows from arrays or from objects of their fields, POJOs from objects. */
    private static Object value(JsonNode json, TypeSerializer<?> to) throws Exception {
        if (json == null || json.isNull()) {
            return null;
        }
        if (to instanceof NullableSerializer) {
            return value(json, (TypeSerializer<?>) get(to, NullableSerializer.class, "originalSerializer"));
        }
        if (to instanceof TupleSerializerBase) {
            TypeSerializer<?>[] fields = ((TupleSerializerBase<?>) to).getFieldSerializers();
            return ((TupleSerializerBase<?>) to).createInstance(values(json, fields, null));
        }
        if (to instanceof RowSerializer) {
            TypeSerializer<?>[] fields = (TypeSerializer<?>[]) get(to, RowSerializer.class, "fieldSerializers");
            @SuppressWarnings("unchecked")
            Map<String, Integer> names = (Map<String, Integer>) get(to, RowSerializer.class, "positionByName");
            return Row.of(values(json, fields, names));
        }
        if (to instanceof PojoSerializer) {
            return pojo(json, (PojoSerializer<?>) to);
        }
        if (to instanceof ListSerializer) {
            return list(json, ((ListSerializer<?>) to).getElementSerializer());
        }
        if (to instanceof MapSerializer) {
            return map(json, (MapSerializer<?, ?>) to);
        }
        if (to instanceof GenericArraySerializer) {
            List<Object> all = list(json, ((GenericArraySerializer<?>) to).getComponentSerializer());
            return all.toArray((Object[]) Array.newInstance(((GenericArraySerializer<?>) to).getComponentClass(), 0));
        }
        if (to instanceof EnumSerializer || to.getClass().getName().startsWith("org.apache.flink.api.common.typeutils.base.")) {
            Object like = to.createInstance();
            if (like == null) {
                throw unknown(to);
            }
            Class<?> type = like instanceof Enum ? ((Enum<?>) like).getDeclaringClass() : like.getClass();
            return JSON.treeToValue(json, type);
        }
        for (Field field : to.getClass().getDeclaredFields()) {
            // Kryo, Avro and others that know the class of their values.
            if (field.getType() == Class.class && field.getName().equals("type")) {
                return JSON.treeToValue(json, (Class<?>) get(to, to.getClass(), "type"));
            }
        }
        throw unknown(to);
    }

    private static IllegalArgumentException unknown(TypeSerializer<?> to) {
        return new IllegalArgumentException("records of a " + to.getClass().getSimpleName() + " cannot be written in JSON");
    }

    private static Object[] values(JsonNode json, TypeSerializer<?>[] fields, Map<String, Integer> names) throws Exception {
        if (json.isArray() && json.size() != fields.length) {
            throw new IllegalArgumentException(json.size() + " fields, wanted are " + fields.length);
        }
        Object[] values = new Object[fields.length];
        for (int place = 0; place < fields.length; place++) {
            JsonNode field = json.isArray() ? json.get(place) : json.get("f" + place);
            for (Map.Entry<String, Integer> name : names == null ? Map.<String, Integer>of().entrySet() : names.entrySet()) {
                if (field == null && name.getValue() == place) {
                    field = json.get(name.getKey());
                }
            }
            values[place] = value(field, fields[place]);
        }
        return values;
    }

    private static Object pojo(JsonNode json, PojoSerializer<?> to) throws Exception {
        Field[] fields = (Field[]) get(to, PojoSerializer.class, "fields");
        TypeSerializer<?>[] serializers = (TypeSerializer<?>[]) get(to, PojoSerializer.class, "fieldSerializers");
        Object pojo = to.createInstance();
        Map<String, Integer> known = new TreeMap<>();
        for (int place = 0; place < fields.length; place++) {
            known.put(fields[place].getName(), place);
        }
        for (Iterator<String> names = json.fieldNames(); names.hasNext();) {
            String name = names.next();
            Integer place = known.get(name);
            if (place == null) {
                throw new IllegalArgumentException("there is no field " + name + "; the fields are " + known.keySet());
            }
            fields[place].setAccessible(true);
            fields[place].set(pojo, value(json.get(name), serializers[place]));
        }
        return pojo;
    }

    private static List<Object> list(JsonNode json, TypeSerializer<?> element) throws Exception {
        List<Object> all = new ArrayList<>();
        for (JsonNode one : json) {
            all.add(value(one, element));
        }
        return all;
    }

    /** A map is an object, or an array of pairs of key and value. */
    private static Map<Object, Object> map(JsonNode json, MapSerializer<?, ?> to) throws Exception {
        Map<Object, Object> map = new HashMap<>();
        for (JsonNode pair : json.isArray() ? json : JSON.createArrayNode()) {
            map.put(value(pair.get(0), to.getKeySerializer()), value(pair.get(1), to.getValueSerializer()));
        }
        for (Iterator<String> names = json.fieldNames(); names.hasNext();) {
            String name = names.next();
            JsonNode key = JSON.getNodeFactory().textNode(name);
            map.put(value(key, to.getKeySerializer()), value(json.get(name), to.getValueSerializer()));
        }
        return map;
    }

    private static Object get(Object of, Class<?> in, String name) throws ReflectiveOperationException {
        Field field = in.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(of);
    }
}
