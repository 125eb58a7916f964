import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.operators.coordination.OperatorCoordinator;
import org.apache.flink.runtime.operators.coordination.OperatorEvent;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.CoordinatedOperatorFactory;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/** An operator that passes records on and has no state itself; its coordinator has some. */
final class Coordinated extends AbstractStreamOperatorFactory<Long>
        implements OneInputStreamOperatorFactory<Long, Long>, CoordinatedOperatorFactory<Long> {
    private static final class Pass extends AbstractStreamOperator<Long> implements OneInputStreamOperator<Long, Long> {
        Pass(StreamOperatorParameters<Long> parameters) {
            super(parameters);
        }

        @Override
        public void processElement(StreamRecord<Long> element) {
            output.collect(element);
        }
    }

    private static final class Coordinator implements OperatorCoordinator {
        @Override
        public void start() {}

        @Override
        public void close() {}

        @Override
        public void handleEventFromOperator(int subtask, int attempt, OperatorEvent event) {}

        @Override
        public void checkpointCoordinator(long checkpoint, CompletableFuture<byte[]> result) {
            result.complete("committed".getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public void notifyCheckpointComplete(long checkpoint) {}

        @Override
        public void resetToCheckpoint(long checkpoint, byte[] data) {}

        @Override
        public void subtaskReset(int subtask, long checkpoint) {}

        @Override
        public void executionAttemptFailed(int subtask, int attempt, Throwable reason) {}

        @Override
        public void executionAttemptReady(int subtask, int attempt, SubtaskGateway gateway) {}
    }

    private static final class Provider implements OperatorCoordinator.Provider {
        private final OperatorID id;

        Provider(OperatorID id) {
            this.id = id;
        }

        @Override
        public OperatorID getOperatorId() {
            return id;
        }

        @Override
        public OperatorCoordinator create(OperatorCoordinator.Context context) {
            return new Coordinator();
        }
    }

    @Override
    public OperatorCoordinator.Provider getCoordinatorProvider(String name, OperatorID id) {
        return new Provider(id);
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends StreamOperator<Long>> T createStreamOperator(StreamOperatorParameters<Long> parameters) {
        return (T) new Pass(parameters);
    }

    @Override
    public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader loader) {
        return Pass.class;
    }
}
