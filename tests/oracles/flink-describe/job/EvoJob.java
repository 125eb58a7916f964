import evo.Account;
import evo.Kind;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/** The job of the evolution variants: EvoJob VARIANT [GENERATED_ID] */
public final class EvoJob {
    /** Keyed operator: registers its states when it is opened, updates each of them with each record. */
    abstract static class Keyed<K> extends KeyedProcessFunction<K, Long, Long> implements CheckpointedFunction {
        @Override
        public void snapshotState(FunctionSnapshotContext context) {}

        @Override
        public void processElement(Long number, Context context, Collector<Long> out) throws Exception {
            update(number);
            out.collect(number);
        }

        abstract void update(Long number) throws Exception;
    }

    /** One value state. */
    static final class One<K, V> extends Keyed<K> {
        private final String name;
        private final TypeInformation<V> type;
        private final V value;
        private transient ValueState<V> state;

        One(String name, TypeInformation<V> type, V value) {
            this.name = name;
            this.type = type;
            this.value = value;
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            state = context.getKeyedStateStore().getState(new ValueStateDescriptor<>(name, type));
        }

        @Override
        void update(Long number) throws Exception {
            state.value();
            state.update(value);
        }
    }

    /** States of every kind; the variant changes one of them. */
    static final class Accounts extends Keyed<Object> {
        private final String variant;
        private transient ValueState<Account> account;
        private transient ValueState<Kind> kind;
        private transient ListState<Account> history;
        private transient ValueState<Object> tuple;
        private transient org.apache.flink.api.common.state.MapState<Object, Object> map;
        private transient ValueState<Object> label;
        private transient ListState<String> labels;

        Accounts(String variant) {
            this.variant = variant;
        }

        private boolean is(String name) {
            return variant.equals(name);
        }

        @SuppressWarnings({"unchecked", "rawtypes"})
        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            var store = context.getKeyedStateStore();
            account = store.getState(new ValueStateDescriptor<>("account", Account.class));
            kind = store.getState(new ValueStateDescriptor<>("kind", Kind.class));
            history = store.getListState(new ListStateDescriptor<>("history", Account.class));
            TypeInformation tuples = is("tuple-arity-changed") ? Types.TUPLE(Types.STRING, Types.LONG, Types.LONG)
                    : is("tuple-field-type-changed") ? Types.TUPLE(Types.STRING, Types.INT) : Types.TUPLE(Types.STRING, Types.LONG);
            tuple = store.getState(new ValueStateDescriptor<Object>("tuple", tuples));
            TypeInformation userKey = is("map-user-key-type-changed") ? Types.LONG : Types.STRING;
            TypeInformation value = is("map-value-type-changed") ? Types.STRING : Types.LONG;
            map = store.getMapState(new MapStateDescriptor<Object, Object>("map", userKey, value));
            if (is("state-kind-changed")) {
                labels = store.getListState(new ListStateDescriptor<>("label", Types.STRING));
            } else if (!is("state-removed")) {
                label = store.getState(labelState());
            }
            if (is("state-added")) {
                store.getState(new ValueStateDescriptor<>("added", Types.LONG));
            }
        }

        @SuppressWarnings({"unchecked", "rawtypes"})
        private ValueStateDescriptor<Object> labelState() {
            TypeInformation type = is("value-type-changed") ? Types.INT : Types.STRING;
            String name = is("state-name-renamed") ? "label2" : "label";
            ValueStateDescriptor<Object> descriptor = new ValueStateDescriptor<>(name, type);
            if (is("ttl-enabled")) {
                descriptor.enableTimeToLive(ttl());
            }
            return descriptor;
        }

        @Override
        void update(Long number) throws Exception {
            account.value();
            account.update(new Account());
            kind.value();
            kind.update(Kind.B);
            history.get();
            history.add(new Account());
            tuple.value();
            tuple.update(is("tuple-arity-changed") ? Tuple3.of("t", number, number)
                    : is("tuple-field-type-changed") ? Tuple2.of("t", number.intValue()) : Tuple2.of("t", number));
            map.put(is("map-user-key-type-changed") ? (Object) number : "m" + number,
                    is("map-value-type-changed") ? (Object) ("v" + number) : number);
            if (labels != null) {
                labels.add("label" + number);
            } else if (label != null) {
                label.value();
                label.update(is("value-type-changed") ? (Object) number.intValue() : "label" + number);
            }
        }
    }

    /** Time to live of an hour; the builder takes another class of durations in each release. */
    static StateTtlConfig ttl() {
        try {
            for (var method : StateTtlConfig.class.getMethods()) {
                String taken = method.getName().equals("newBuilder") ? method.getParameterTypes()[0].getSimpleName() : "";
                if (taken.equals("Duration") || taken.equals("Time")) {
                    String unit = taken.equals("Duration") ? "ofHours" : "hours";
                    Object hour = method.getParameterTypes()[0].getMethod(unit, long.class).invoke(null, 1L);
                    return ((StateTtlConfig.Builder) method.invoke(null, hour)).build();
                }
            }
            throw new IllegalStateException("no newBuilder");
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Operator state. */
    static final class Op extends ProcessFunction<Long, Long> implements CheckpointedFunction {
        private final String variant;
        private transient ListState<Object> positions;
        private transient ListState<Account> accounts;

        Op(String variant) {
            this.variant = variant;
        }

        @SuppressWarnings({"unchecked", "rawtypes"})
        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            var store = context.getOperatorStateStore();
            TypeInformation type = variant.equals("operator-list-type-changed") ? Types.STRING : Types.LONG;
            ListStateDescriptor<Object> descriptor = new ListStateDescriptor<Object>("positions", type);
            if (variant.equals("operator-list-to-broadcast")) {
                store.getBroadcastState(new MapStateDescriptor<>("positions", Types.STRING, Types.LONG));
            } else if (variant.equals("operator-list-to-union")) {
                positions = store.getUnionListState(descriptor);
            } else {
                positions = store.getListState(descriptor);
            }
            accounts = store.getListState(new ListStateDescriptor<>("op_accounts", Account.class));
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) {}

        @Override
        public void processElement(Long number, Context context, Collector<Long> out) throws Exception {
            if (positions != null) {
                positions.add(variant.equals("operator-list-type-changed") ? (Object) ("p" + number) : number);
            }
            accounts.add(new Account());
            out.collect(number);
        }
    }

    private static SingleOutputStreamOperator<Long> keyed(
            SingleOutputStreamOperator<Long> from, Keyed<?> function, boolean longs) {
        @SuppressWarnings({"unchecked", "rawtypes"})
        KeyedProcessFunction<Object, Long, Long> any = (KeyedProcessFunction) function;
        KeySelector<Long, Object> key = longs ? number -> number % 10 : number -> "key-" + number % 10;
        @SuppressWarnings({"unchecked", "rawtypes"})
        TypeInformation<Object> type = (TypeInformation) (longs ? Types.LONG : Types.STRING);
        return from.keyBy(key, type).process(any, Types.LONG);
    }

    private static One<Object, ?> count(String name, String variant) {
        return variant.equals("value-long-to-int") ? new One<>(name, Types.INT, 1) : new One<>(name, Types.LONG, 1L);
    }

    public static void main(String[] args) throws Exception {
        boolean clean = args[0].endsWith("-clean");
        String variant = clean ? args[0].substring(0, args[0].length() - "-clean".length()) : args[0];
        Configuration configuration = new Configuration();
        if (variant.equals("backend-changed")) {
            configuration.setString("state.backend.type", "rocksdb");
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        env.setParallelism(variant.equals("parallelism-increased") ? 3 : variant.equals("parallelism-decreased") ? 1 : 2);
        env.setMaxParallelism(variant.equals("max-parallelism-increased") ? 256
                : variant.equals("max-parallelism-decreased") ? 64 : 128);
        env.enableCheckpointing(3_600_000L);

        SingleOutputStreamOperator<Long> stream = env
                .fromSource(new Ten(), WatermarkStrategy.noWatermarks(), "src", Types.LONG)
                .setParallelism(1).uid("src");
        stream = stream.rebalance().process(new Op(variant)).returns(Types.LONG).name("Op").uid("opstate");
        stream = keyed(stream, new Accounts(variant), variant.equals("key-type-changed")).name("Accounts").uid("accounts");
        stream = keyed(stream, count("count", variant), false).name("Counter");
        if (!variant.equals("uid-removed")) {
            stream = stream.uid(variant.equals("uid-case-changed") ? "Counter"
                    : variant.startsWith("uid-renamed") ? "counter2" : "counter");
        }
        if (variant.equals("uid-renamed-with-uidhash")) {
            stream = stream.setUidHash("0da08f51eaa85fc298e176a139b3649a");
        }
        if (variant.equals("stateless-operator-added")) {
            stream = stream.rebalance().process(new Pass()).returns(Types.LONG).name("Pass").uid("pass");
        }
        if (variant.equals("operator-added")) {
            stream = keyed(stream, new One<>("fresh", Types.LONG, 1L), false).name("Fresh").uid("fresh");
        }
        if (!variant.equals("operator-removed")) {
            stream = keyed(stream, new One<>("note", Types.LONG, 1L), false).name("Extra").uid("extra");
        }
        if (variant.equals("no-uid-upstream-added")) {
            stream = keyed(stream, new One<>("other_count", Types.LONG, 1L), false).name("Other");
        }
        if (!clean) {
            stream = keyed(stream, new One<>("auto_count", Types.LONG, 1L), false).name("AutoUid");
            if (variant.equals("auto-uid-given-uid")) {
                stream = stream.uid("auto");
            } else if (variant.equals("auto-uid-pinned")) {
                stream = stream.setUidHash(args[1]);
            }
        }
        stream.rebalance().process(new Count<Long>()).returns(Types.LONG).name("End").uid("end");
        env.execute("evolution");
    }

    /** Passes everything on. */
    static final class Pass extends ProcessFunction<Long, Long> {
        @Override
        public void processElement(Long number, Context context, Collector<Long> out) {
            out.collect(number);
        }
    }

    private EvoJob() {}
}
