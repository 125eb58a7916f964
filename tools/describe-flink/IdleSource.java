package alluvium.describe;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** A source that has no records but those of a probe and never ends: it stands for every source of the newer interface. */
final class IdleSource<T> implements Source<T, IdleSource.NoSplit, byte[]> {
    private static final long serialVersionUID = 1L;

    private final Probe probe;

    IdleSource(Probe probe) {
        this.probe = probe;
    }

    /** There is none. */
    static final class NoSplit implements SourceSplit {
        @Override
        public String splitId() {
            return "none";
        }
    }

    private static final class Bytes<V> implements SimpleVersionedSerializer<V> {
        private final V only;

        Bytes(V only) {
            this.only = only;
        }

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(V value) {
            return new byte[0];
        }

        @Override
        public V deserialize(int version, byte[] bytes) {
            return only;
        }
    }

    private static final class Reader<T> implements SourceReader<T, NoSplit> {
        private final CompletableFuture<Void> never = new CompletableFuture<>();
        private final Probe probe;
        private int next;

        Reader(Probe probe) {
            this.probe = probe;
        }

        @Override
        public void start() {}

        @Override
        @SuppressWarnings("unchecked")
        public InputStatus pollNext(ReaderOutput<T> output) throws java.io.IOException {
            if (next == probe.size()) {
                return InputStatus.NOTHING_AVAILABLE;
            }
            T record = (T) probe.record(next);
            Long timestamp = probe.timestamp(next++);
            if (timestamp == null) {
                output.collect(record);
            } else {
                output.collect(record, timestamp);
            }
            return InputStatus.MORE_AVAILABLE;
        }

        @Override
        public List<NoSplit> snapshotState(long checkpoint) {
            return List.of();
        }

        @Override
        public CompletableFuture<Void> isAvailable() {
            return next == probe.size() ? never : CompletableFuture.completedFuture(null);
        }

        @Override
        public void addSplits(List<NoSplit> splits) {}

        @Override
        public void notifyNoMoreSplits() {}

        @Override
        public void close() {}
    }

    private static final class Enumerator implements SplitEnumerator<NoSplit, byte[]> {
        @Override
        public void start() {}

        @Override
        public void handleSplitRequest(int subtask, String host) {}

        @Override
        public void addSplitsBack(List<NoSplit> splits, int subtask) {}

        @Override
        public void addReader(int subtask) {}

        @Override
        public byte[] snapshotState(long checkpoint) {
            return new byte[0];
        }

        @Override
        public void close() {}
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public SourceReader<T, NoSplit> createReader(SourceReaderContext context) {
        return new Reader<>(probe);
    }

    @Override
    public SplitEnumerator<NoSplit, byte[]> createEnumerator(SplitEnumeratorContext<NoSplit> context) {
        return new Enumerator();
    }

    @Override
    public SplitEnumerator<NoSplit, byte[]> restoreEnumerator(
            SplitEnumeratorContext<NoSplit> context, byte[] checkpoint) {
        return new Enumerator();
    }

    @Override
    public SimpleVersionedSerializer<NoSplit> getSplitSerializer() {
        return new Bytes<>(new NoSplit());
    }

    @Override
    public SimpleVersionedSerializer<byte[]> getEnumeratorCheckpointSerializer() {
        return new Bytes<>(new byte[0]);
    }
}
