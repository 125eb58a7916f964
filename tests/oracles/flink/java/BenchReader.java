import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.api.OperatorIdentifier;
import org.apache.flink.state.api.SavepointReader;
import org.apache.flink.state.api.functions.KeyedStateReaderFunction;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.CloseableIterator;
import org.apache.flink.util.Collector;

/** Reads every row of both states with the State Processor API: BenchReader PATH hashmap|rocksdb PARALLELISM */
final class BenchReader {
    static final class Rows extends KeyedStateReaderFunction<Long, Long> {
        private transient ValueState<Long> total;
        private transient ValueState<Stats> stats;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Long.class));
            stats = getRuntimeContext().getState(new ValueStateDescriptor<>("stats", Stats.class));
        }

        @Override
        public void readKey(Long key, Context context, Collector<Long> out) throws Exception {
            out.collect(total.value() + stats.value().sum + stats.value().name.length());
        }
    }

    public static void main(String[] args) throws Exception {
        int parallelism = Integer.parseInt(args[2]);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism, new Configuration());
        env.setRuntimeMode(RuntimeExecutionMode.BATCH);
        env.getConfig().enableObjectReuse();
        StateBackend backend = args[1].equals("rocksdb") ? new EmbeddedRocksDBStateBackend() : new HashMapStateBackend();
        var rows = SavepointReader.read(env, args[0], backend)
                .readKeyedState(OperatorIdentifier.forUid("keep"), new Rows(), Types.LONG, Types.LONG);
        AtomicLong count = new AtomicLong();
        AtomicLong sum = new AtomicLong();
        try (CloseableIterator<Long> all = rows.executeAndCollect()) {
            all.forEachRemaining(row -> {
                count.incrementAndGet();
                sum.addAndGet(row);
            });
        }
        System.out.println(count + " keys, sum " + sum);
    }

    private BenchReader() {}
}
