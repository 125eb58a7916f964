import java.io.PrintStream;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.functions.source.legacy.RichParallelSourceFunction;
import org.apache.flink.util.Collector;

/**
 * A source that ends or, of a variant named partial, of which one of two subtasks ends; one that does not; and an operator
 * with a coordinator. main VARIANT runs it, which `describe` catches; `--restore DIRECTORY VARIANT…` takes savepoints once
 * the sources have ended, restores them with each variant and prints their places, then for each: variant, as-is, with-n
 * or fails, records read again, and why.
 */
public final class Finished {
    /** So many numbers has the source that ends. */
    private static final long FEW = 10;

    private static final AtomicLong again = new AtomicLong();

    /** Of two subtasks one ends and one does not. */
    private static final class Half extends RichParallelSourceFunction<Long> {
        private volatile boolean runs = true;

        @Override
        public void run(SourceContext<Long> out) throws Exception {
            while (runs && getRuntimeContext().getTaskInfo().getIndexOfThisSubtask() > 0) {
                Thread.sleep(20);
            }
        }

        @Override
        public void cancel() {
            runs = false;
        }
    }

    private static final class Total extends KeyedProcessFunction<Long, Long, Long> {
        private transient ValueState<Long> total;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Types.LONG));
        }

        @Override
        public void processElement(Long value, Context context, Collector<Long> out) throws Exception {
            Thread.sleep(2);
            total.update(total.value() == null ? value : total.value() + value);
            out.collect(total.value());
        }
    }

    private static SingleOutputStreamOperator<Long> pass(DataStream<Long> from, String name) {
        return from.map(value -> value).returns(Types.LONG).name(name).uid(name);
    }

    /** The branch that ends, with its change. */
    private static DataStream<Long> ended(StreamExecutionEnvironment env, String change, boolean partial) {
        boolean other = change.equals("other");
        String renamed = change.equals("source-renamed") || change.equals("both-renamed") || other ? "again" : "few";
        DataStream<Long> from = partial
                ? env.addSource(new Half(), other ? "others" : "few").setParallelism(2).uid(renamed)
                : env.fromSource(new NumberSequenceSource(0, FEW - 1), WatermarkStrategy.noWatermarks(), other ? "others" : "few")
                        .uid(renamed);
        int parallelism = partial ? 2 : 1;
        if (change.startsWith("before")) {
            SingleOutputStreamOperator<Long> before = pass(from, "before").setParallelism(parallelism);
            from = change.equals("before-unchained") ? before.startNewChain() : before;
        }
        SingleOutputStreamOperator<Long> parsed = from
                .map(value -> {
                    again.addAndGet(other ? 0 : 1);
                    return value;
                })
                .returns(Types.LONG).setParallelism(parallelism)
                .name(other ? "others parsed" : "parse").uid(change.equals("both-renamed") || other ? "parse again" : "parse");
        if (change.equals("before-unchained")) {
            parsed.startNewChain();
        }
        if (change.startsWith("behind")) {
            parsed = pass(parsed, "behind").setParallelism(parallelism);
            return change.equals("behind-unchained") ? parsed.startNewChain() : parsed;
        }
        return parsed;
    }

    private static StreamExecutionEnvironment job(String variant, String directory) {
        boolean partial = variant.startsWith("partial-");
        String change = partial ? variant.substring("partial-".length()) : variant;
        StreamExecutionEnvironment env = Restore.environment(directory, Map.of());
        DataStream<Long> all = env
                .fromSource(new NumberSequenceSource(1000, 100_000_000L), WatermarkStrategy.noWatermarks(), "many").uid("many");
        if (!change.equals("coordinator-removed")) {
            all = all.transform("commits", Types.LONG, new Coordinated())
                    .uid(change.equals("coordinator-renamed") ? "commits again" : "commits");
        }
        if (!change.equals("branch-removed")) {
            all = all.union(ended(env, change, partial));
        }
        all.keyBy(value -> value % 4, Types.LONG).process(new Total()).name("total").uid("total")
                .sinkTo(new DiscardingSink<>()).name("away").uid("away");
        return env;
    }

    public static void main(String[] args) throws Exception {
        if (!args[0].equals("--restore")) {
            job(args[0], "file:///nowhere").execute();
            return;
        }
        // Libraries warn on standard output.
        PrintStream answers = System.out;
        System.setOut(System.err);
        try (Restore restore = new Restore()) {
            for (String prefix : new String[] {"", "partial-"}) {
                JobGraph job = job(prefix + "identical", args[1]).getStreamGraph().getJobGraph();
                restore.run(job, 3000);
                restore.awaitEnded(job.getJobID());
                String place =
                        restore.cluster.triggerSavepoint(job.getJobID(), args[1], false, SavepointFormatType.CANONICAL).get();
                restore.end(job.getJobID());
                answers.println(place);
                for (String variant : Arrays.asList(args).subList(2, args.length)) {
                    if (variant.startsWith("partial-") != prefix.isEmpty()) {
                        answers.println(variant + "\t" + restore.restored(place, () -> job(variant, args[1]),
                                () -> again.set(0), () -> "read again " + again));
                    }
                }
            }
        }
        answers.flush();
        Runtime.getRuntime().halt(0);
    }
}
