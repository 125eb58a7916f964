import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReducingState;
import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * Writes a small snapshot of each layout and, beside it, what is in its states, as `alluvium cat` prints it:
 * SmallJob DIRECTORY LAYOUT… makes DIRECTORY/LAYOUT/{snapshot.path,truth/STATE.jsonl}.
 */
final class SmallJob {
    static final int KEYS = 300;
    static final long NUMBERS = 3 * KEYS;

    /** Number n belongs to key `key-(n mod KEYS)`; every state is a function of the numbers seen. */
    static final class Keep extends KeyedProcessFunction<String, Long, Long> implements CheckpointedFunction {
        private transient ValueState<Stats> stats;
        private transient MapState<Integer, String> visits;
        private transient ListState<Long> seen;
        private transient ReducingState<Long> sum;
        private transient ListState<String> words;

        @Override
        public void open(OpenContext context) {
            var run = getRuntimeContext();
            stats = run.getState(new ValueStateDescriptor<>("stats", Stats.class));
            visits = run.getMapState(new MapStateDescriptor<>("visits", Integer.class, String.class));
            seen = run.getListState(new ListStateDescriptor<>("seen", Long.class));
            sum = run.getReducingState(new ReducingStateDescriptor<>("sum", Long::sum, Long.class));
        }

        @Override
        public void processElement(Long number, Context context, Collector<Long> out) throws Exception {
            stats.update(Stats.of(number));
            visits.put((int) (number / KEYS), "v" + number);
            if (number % 5 == 0) {
                visits.remove((int) (number / KEYS) - 1);
            }
            seen.add(number);
            sum.add(number);
            if (number < KEYS) {
                context.timerService().registerEventTimeTimer(10_000 + number);
            }
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            words = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("words", String.class));
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
            words.update(java.util.List.of("subtask " + subtask, "é"));
        }
    }

    public static void main(String[] args) throws Exception {
        Path base = Path.of(args[0]).toAbsolutePath();
        try (Control control = new Control(2)) {
            for (int i = 1; i < args.length; i++) {
                Control.Layout layout = Control.Layout.named(args[i]);
                Path directory = Files.createDirectories(base.resolve(args[i]));
                StreamExecutionEnvironment env = Control.environment(layout, directory.resolve("flink"), 2);
                env.addSource(new Control.Numbers(NUMBERS), "numbers").setParallelism(1).uid("numbers")
                        .keyBy(number -> "key-" + number % KEYS)
                        .process(new Keep()).uid("keep").name("keep")
                        .sinkTo(new DiscardingSink<>()).uid("sink");
                Path place = control.snapshot(env, layout, directory.resolve("flink"));
                Files.writeString(directory.resolve("snapshot.path"), place + "\n");
                truth(Files.createDirectories(directory.resolve("truth")));
                System.out.println(args[i] + " " + place);
            }
        }
    }

    private static void truth(Path directory) throws Exception {
        try (PrintStream stats = lines(directory, "stats"); PrintStream visits = lines(directory, "visits");
                PrintStream seen = lines(directory, "seen"); PrintStream sum = lines(directory, "sum");
                PrintStream timers = lines(directory, "_timer_state%2Fevent_user-timers");
                PrintStream words = lines(directory, "words")) {
            for (int k = 0; k < KEYS; k++) {
                String key = "key-" + k;
                String head = "{\"key_group\":" + KeyGroupRangeAssignment.assignToKeyGroup(key, 128) + ",\"key\":\"" + key + "\"";
                Stats last = Stats.of(k + 2L * KEYS);
                stats.println(head + ",\"value\":{\"count\":" + last.count + ",\"even\":" + last.even + ",\"last\":" + last.last
                        + ",\"mean\":" + last.mean + ",\"name\":\"" + last.name + "\",\"sum\":" + last.sum + "}}");
                for (int round = 0; round < 3; round++) {
                    long next = k + (round + 1L) * KEYS;
                    if (round == 2 || next % 5 != 0) {
                        visits.println(head + ",\"map_key\":" + round + ",\"value\":\"v" + (k + (long) round * KEYS) + "\"}");
                    }
                }
                seen.println(head + ",\"value\":[" + k + "," + (k + KEYS) + "," + (k + 2 * KEYS) + "]}");
                sum.println(head + ",\"value\":" + (3L * k + 3 * KEYS) + "}");
                timers.println(head + ",\"timestamp\":" + (10_000 + k) + "}");
            }
            for (int subtask = 0; subtask < 2; subtask++) {
                words.println("{\"subtask\":" + subtask + ",\"index\":0,\"value\":\"subtask " + subtask + "\"}");
                words.println("{\"subtask\":" + subtask + ",\"index\":1,\"value\":\"é\"}");
            }
        }
    }

    private static PrintStream lines(Path directory, String state) throws Exception {
        return new PrintStream(Files.newOutputStream(directory.resolve(state + ".jsonl")), false, "UTF-8");
    }

    private SmallJob() {}
}
