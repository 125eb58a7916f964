import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.graph.StreamGraph;
import org.apache.flink.util.Collector;

/** Restores a snapshot of BenchJob, looks one key up and ends: BenchRestore SNAPSHOT LAYOUT */
final class BenchRestore {
    static final class Look extends KeyedProcessFunction<Long, Long, Long> {
        private transient ValueState<Long> total;
        private transient ValueState<Stats> stats;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Long.class));
            stats = getRuntimeContext().getState(new ValueStateDescriptor<>("stats", Stats.class));
        }

        @Override
        public void processElement(Long number, Context context, Collector<Long> out) throws Exception {
            if (total.value() != number * 7 || stats.value().sum != number * 31) {
                throw new IllegalStateException("another state than was written");
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Control.Layout layout = Control.Layout.named(args[1]);
        Path directory = Files.createTempDirectory("restore");
        StreamExecutionEnvironment env = Control.environment(layout, directory, 2);
        env.fromSequence(1, 1).setParallelism(1).uid("one")
                .keyBy(number -> number)
                .process(new Look()).uid("keep").name("keep")
                .sinkTo(new DiscardingSink<>()).uid("sink");
        StreamGraph graph = env.getStreamGraph();
        graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(args[0], true));
        try (Control control = new Control(2)) {
            control.run(graph.getJobGraph());
        }
        System.out.println("restored");
    }

    private BenchRestore() {}
}
