import java.io.PrintStream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * A fast source, keyed records, and a slow reader: an unaligned checkpoint of it holds records in flight.
 * main VARIANT runs it, which `describe` catches; `--restore DIRECTORY VARIANT…` takes a checkpoint, restores it with each
 * variant and prints its place, then for each: variant, as-is, with-n or fails, records that passed by a new operator,
 * records that are missing, and why.
 */
public final class InFlight {
    private static final int KEYS = 4;
    /** What an operator adds that is put in between. */
    private static final long MARK = 1_000_000_000_000L;

    private static volatile boolean slow = true;
    private static final AtomicLong passedBy = new AtomicLong();
    private static final AtomicLong missing = new AtomicLong();

    /** Keeps the last number of a key: the next one is greater by the number of keys. */
    private static final class Slow extends KeyedProcessFunction<Long, Long, Long> {
        private final boolean marked;
        private transient ValueState<Long> last;

        Slow(boolean marked) {
            this.marked = marked;
        }

        @Override
        public void open(OpenContext context) {
            last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", Types.LONG));
        }

        @Override
        public void processElement(Long value, Context context, Collector<Long> out) throws Exception {
            if (slow) {
                Thread.sleep(20);
            }
            if (marked && value < MARK) {
                passedBy.incrementAndGet();
            }
            long number = value % MARK;
            Long before = last.value();
            long expected = before == null ? number % KEYS : before + KEYS;
            missing.addAndGet(Math.abs(number - expected) / KEYS);
            last.update(number);
            out.collect(value);
        }
    }

    private static StreamExecutionEnvironment job(String variant, String directory) {
        Configuration conf = new Configuration();
        conf.setString("execution.checkpointing.interval", "1 h");
        conf.setString("execution.checkpointing.unaligned.enabled", "true");
        conf.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        conf.setString("execution.checkpointing.dir", directory);
        conf.setString("pipeline.operator-chaining.enabled", "false");
        conf.setString("restart-strategy.type", "none");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(conf);
        env.setParallelism(1);
        env.setMaxParallelism(8);
        DataStream<Long> numbers = env
                .fromSource(new NumberSequenceSource(0, 100_000_000L), WatermarkStrategy.noWatermarks(), "numbers")
                .uid("numbers");
        boolean marked = variant.startsWith("inserted");
        if (marked) {
            numbers = numbers.rebalance().map(value -> value + MARK).returns(Types.LONG).name("between").uid("between")
                    .setParallelism(variant.equals("inserted-as-wide") ? 2 : 1);
        }
        SingleOutputStreamOperator<Long> read = variant.equals("reader-removed")
                ? numbers.map(value -> value).returns(Types.LONG).name("other").uid("other")
                : numbers.keyBy(value -> value % KEYS, Types.LONG).process(new Slow(marked))
                        .setParallelism(variant.equals("rescaled") ? 3 : 2)
                        .name("slow").uid(variant.equals("reader-renamed") ? "slower" : "slow");
        if (variant.equals("branch-added") || variant.equals("behind-added")) {
            SingleOutputStreamOperator<Long> more = read.map(value -> value).returns(Types.LONG).name("more").uid("more");
            if (variant.equals("behind-added")) {
                read = more;
            } else {
                more.sinkTo(new DiscardingSink<>()).name("second").uid("second");
            }
        }
        read.sinkTo(new DiscardingSink<>()).name("away").uid("away");
        return env;
    }

    /** Starts a job and waits until all tasks run, and for so long after that. */
    private static void run(MiniCluster cluster, JobGraph job, long millis) throws Exception {
        cluster.submitJob(job).get();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        for (long from = 0; from == 0 || System.nanoTime() < from + TimeUnit.MILLISECONDS.toNanos(millis); Thread.sleep(20)) {
            AccessExecutionGraph graph = cluster.getExecutionGraph(job.getJobID()).get();
            if (graph.getFailureInfo() != null) {
                throw new IllegalStateException(reason(graph.getFailureInfo().getExceptionAsString()));
            }
            boolean runs = true;
            for (AccessExecutionVertex vertex : graph.getAllExecutionVertices()) {
                runs &= vertex.getExecutionState() == ExecutionState.RUNNING;
            }
            if (runs && from == 0) {
                from = System.nanoTime();
            }
            if (System.nanoTime() > end) {
                throw new IllegalStateException("not running after 60 s");
            }
        }
    }

    private static void end(MiniCluster cluster, JobID job) throws Exception {
        if (!cluster.getJobStatus(job).get().isGloballyTerminalState()) {
            cluster.cancelJob(job).get();
        }
        cluster.requestJobResult(job).get();
    }

    private static String reason(String trace) {
        String reason = trace;
        for (String line : trace.split("\n")) {
            if (line.startsWith("Caused by: ")) {
                reason = line.substring("Caused by: ".length());
            }
        }
        reason = reason.split("\n")[0].replace('\t', ' ');
        return reason.substring(0, Math.min(110, reason.length()));
    }

    private static String restored(MiniCluster cluster, String place, String directory, String variant) throws Exception {
        String why = "";
        for (boolean allowed : new boolean[] {false, true}) {
            passedBy.set(0);
            missing.set(0);
            JobGraph job = job(variant, directory).getStreamGraph().getJobGraph();
            job.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(place, allowed));
            try {
                run(cluster, job, 3000);
                end(cluster, job.getJobID());
                return (allowed ? "with-n" : "as-is") + "\t" + passedBy + "\t" + missing + "\t" + why;
            } catch (IllegalStateException failed) {
                why = why.isEmpty() ? failed.getMessage() : why + "; with -n " + failed.getMessage();
                end(cluster, job.getJobID());
            }
        }
        return "fails\t" + passedBy + "\t" + missing + "\t" + why;
    }

    public static void main(String[] args) throws Exception {
        if (!args[0].equals("--restore")) {
            job(args[0], "file:///nowhere").execute();
            return;
        }
        // Libraries warn on standard output.
        PrintStream answers = System.out;
        System.setOut(System.err);
        Configuration conf = new Configuration();
        conf.setString("taskmanager.memory.segment-size", "4kb");
        conf.setString("rest.port", "0");
        conf.setString("rest.bind-port", "0");
        conf.setString("rest.address", "localhost");
        try (MiniCluster cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(conf).setNumTaskManagers(1).setNumSlotsPerTaskManager(4).build())) {
            cluster.start();
            JobGraph job = job("identical", args[1]).getStreamGraph().getJobGraph();
            run(cluster, job, 3000);
            String place = cluster.triggerCheckpoint(job.getJobID()).get();
            end(cluster, job.getJobID());
            answers.println(place);
            slow = false;
            for (int i = 2; i < args.length; i++) {
                answers.println(args[i] + "\t" + restored(cluster, place, args[1], args[i]));
            }
        }
        answers.flush();
        Runtime.getRuntime().halt(0);
    }
}
