import java.io.IOException;
import java.net.URI;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.FileSystemFactory;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.fs.local.LocalFileSystem;

/** Local files read through a buffer; Flink's own have none, so that each number read costs calls of the system. */
public final class BufferedFiles extends LocalFileSystem {
    /** Takes the place of Flink's file system where META-INF/services names it. */
    public static final class Factory implements FileSystemFactory {
        @Override
        public String getScheme() {
            return "file";
        }

        @Override
        public FileSystem create(URI uri) {
            return new BufferedFiles();
        }
    }

    private static final class Input extends FSDataInputStream {
        private final FSDataInputStream file;
        private final byte[] buffer = new byte[1 << 16];
        private int at;
        private int end;

        Input(FSDataInputStream file) {
            this.file = file;
        }

        @Override
        public void seek(long position) throws IOException {
            at = 0;
            end = 0;
            file.seek(position);
        }

        @Override
        public long getPos() throws IOException {
            return file.getPos() - (end - at);
        }

        private boolean filled() throws IOException {
            if (at == end) {
                at = 0;
                end = Math.max(0, file.read(buffer, 0, buffer.length));
            }
            return end > 0;
        }

        @Override
        public int read() throws IOException {
            return filled() ? buffer[at++] & 0xff : -1;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            if (!filled()) {
                return -1;
            }
            int taken = Math.min(length, end - at);
            System.arraycopy(buffer, at, into, offset, taken);
            at += taken;
            return taken;
        }

        @Override
        public int available() throws IOException {
            return end - at + file.available();
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    @Override
    public FSDataInputStream open(Path path) throws IOException {
        return new Input(super.open(path));
    }

    @Override
    public FSDataInputStream open(Path path, int size) throws IOException {
        return new Input(super.open(path));
    }
}
