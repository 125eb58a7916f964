import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.datastream.WindowedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.GlobalWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.triggers.CountTrigger;
import org.apache.flink.streaming.api.windowing.windows.Window;
import org.apache.flink.util.Collector;

/** A windowed job: WindowJob VARIANT. No window ends before its ten records are over. */
public final class WindowJob {
    /** A sum that is kept as an aggregate. */
    static final class Sum implements AggregateFunction<Long, Long, Long> {
        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(Long number, Long sum) {
            return number + sum;
        }

        @Override
        public Long getResult(Long sum) {
            return sum;
        }

        @Override
        public Long merge(Long a, Long b) {
            return a + b;
        }
    }

    /** A sum over a list that is kept whole. */
    static final class Whole extends ProcessWindowFunction<Long, Long, String, Window> {
        @Override
        public void process(String key, Context context, Iterable<Long> numbers, Collector<Long> out) {
            numbers.forEach(out::collect);
        }
    }

    /** An assigner of windows of so many hours; releases take another class of durations. */
    private static WindowAssigner<Object, ? extends Window> assigner(Class<?> assigner, String method, long hours) throws Exception {
        for (var one : assigner.getMethods()) {
            String taken = one.getName().equals(method) && one.getParameterCount() == 1 ? one.getParameterTypes()[0].getSimpleName() : "";
            if (taken.equals("Duration") || taken.equals("Time")) {
                Object span = taken.equals("Duration") ? Duration.ofHours(hours)
                        : one.getParameterTypes()[0].getMethod("hours", long.class).invoke(null, hours);
                @SuppressWarnings("unchecked")
                WindowAssigner<Object, ? extends Window> made = (WindowAssigner<Object, ? extends Window>) one.invoke(null, span);
                return made;
            }
        }
        throw new IllegalStateException("no " + method);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    public static void main(String[] args) throws Exception {
        String variant = args[0];
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(2);
        env.setMaxParallelism(128);
        env.enableCheckpointing(3_600_000L);
        SingleOutputStreamOperator<Long> source = env
                .fromSource(new Ten(), WatermarkStrategy.<Long>forMonotonousTimestamps()
                        .withTimestampAssigner((number, before) -> number * 1000), "src", Types.LONG)
                .setParallelism(1).uid("src");
        source.rebalance().process(new Count<Long>()).returns(Types.LONG).name("End").uid("end");
        WindowAssigner assigner = variant.equals("global") ? GlobalWindows.create()
                : variant.equals("session") ? assigner(EventTimeSessionWindows.class, "withGap", 1)
                : assigner(TumblingEventTimeWindows.class, "of", variant.equals("size-changed") ? 2 : 1);
        SingleOutputStreamOperator<?> sums;
        if (variant.equals("value-changed")) {
            TypeInformation<Tuple2<Long, Long>> pairs = Types.TUPLE(Types.LONG, Types.LONG);
            WindowedStream<Tuple2<Long, Long>, String, Window> windows = source.map(number -> Tuple2.of(number, number))
                    .returns(pairs).uid("pairs").keyBy(pair -> "key-" + pair.f0 % 5, Types.STRING).window(assigner);
            sums = windows.reduce((a, b) -> Tuple2.of(a.f0 + b.f0, a.f1 + b.f1));
        } else {
            WindowedStream<Long, String, Window> windows =
                    source.keyBy(number -> "key-" + number % 5, Types.STRING).window(assigner);
            if (variant.startsWith("count-trigger") || variant.equals("global")) {
                windows = windows.trigger((CountTrigger) CountTrigger.of(variant.endsWith("-2") ? 200 : 100));
            }
            sums = variant.equals("aggregate") ? windows.aggregate(new Sum(), Types.LONG, Types.LONG)
                    : variant.equals("process") ? windows.process(new Whole(), Types.LONG)
                    : windows.reduce((a, b) -> a + b);
        }
        sums = sums.name("Sums");
        if (!variant.equals("uid-removed")) {
            sums.uid("sums");
        }
        env.execute("windows");
    }

    private WindowJob() {}
}
