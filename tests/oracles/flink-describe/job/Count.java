import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/** Counts, visibly for the class loaders of all jobs, what came to it. */
final class Count<T> extends ProcessFunction<T, Long> {
    private static final long serialVersionUID = 1L;

    @Override
    public void processElement(T record, Context context, Collector<Long> out) {
        System.getProperties().merge("evo.seen", 1, (a, b) -> (Integer) a + (Integer) b);
    }
}
