import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/** Writes a snapshot of two states with a given number of keys: BenchJob KEYS DIRECTORY LAYOUT… */
final class BenchJob {
    static final class Keep extends KeyedProcessFunction<Long, Long, Long> {
        private transient ValueState<Long> total;
        private transient ValueState<Stats> stats;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Long.class));
            stats = getRuntimeContext().getState(new ValueStateDescriptor<>("stats", Stats.class));
        }

        @Override
        public void processElement(Long number, Context context, Collector<Long> out) throws Exception {
            total.update(number * 7);
            stats.update(Stats.of(number));
        }
    }

    public static void main(String[] args) throws Exception {
        long keys = Long.parseLong(args[0]);
        Path base = Path.of(args[1]).toAbsolutePath();
        try (Control control = new Control(2)) {
            for (int i = 2; i < args.length; i++) {
                Control.Layout layout = Control.Layout.named(args[i]);
                Path directory = Files.createDirectories(base.resolve(args[i]));
                StreamExecutionEnvironment env = Control.environment(layout, directory, 2);
                env.getConfig().enableObjectReuse();
                env.addSource(new Control.Numbers(keys), "numbers").setParallelism(1).uid("numbers")
                        .keyBy(number -> number)
                        .process(new Keep()).uid("keep").name("keep")
                        .sinkTo(new DiscardingSink<>()).uid("sink");
                System.out.println(args[i] + " " + control.snapshot(env, layout, directory));
            }
        }
    }

    private BenchJob() {}
}
