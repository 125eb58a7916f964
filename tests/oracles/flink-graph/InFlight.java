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
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * A fast source, keyed records, and a slow reader: an unaligned checkpoint of it holds records in flight.
 * main VARIANT runs it, which `describe` catches; `--restore DIRECTORY VARIANT…` takes a checkpoint, restores it with each
 * variant and prints its place, then for each: variant, as-is, with-n or fails, records that passed by a new operator and
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
        StreamExecutionEnvironment env = Restore.environment(directory, Map.of(
                "execution.checkpointing.unaligned.enabled", "true", "pipeline.operator-chaining.enabled", "false"));
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

    public static void main(String[] args) throws Exception {
        if (!args[0].equals("--restore")) {
            job(args[0], "file:///nowhere").execute();
            return;
        }
        // Libraries warn on standard output.
        PrintStream answers = System.out;
        System.setOut(System.err);
        try (Restore restore = new Restore()) {
            JobGraph job = job("identical", args[1]).getStreamGraph().getJobGraph();
            restore.run(job, 3000);
            String place = restore.cluster.triggerCheckpoint(job.getJobID()).get();
            restore.end(job.getJobID());
            answers.println(place);
            slow = false;
            for (String variant : Arrays.asList(args).subList(2, args.length)) {
                answers.println(variant + "\t" + restore.restored(place, () -> job(variant, args[1]), () -> {
                    passedBy.set(0);
                    missing.set(0);
                }, () -> "passed by " + passedBy + ", missing " + missing));
            }
        }
        answers.flush();
        Runtime.getRuntime().halt(0);
    }
}
