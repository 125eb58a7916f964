import java.nio.file.*;
import java.util.*;
import org.rocksdb.*;

/** {@code OldDatabases OUT}: tables of format version 0, which only FRocksDB 5.17 (Flink 1.8 to 1.13) writes, in the compressions that a job can choose. */
public class OldDatabases {
  public static void main(String[] args) throws Exception {
    RocksDB.loadLibrary();
    for (CompressionType compression : List.of(CompressionType.LZ4_COMPRESSION, CompressionType.ZSTD_COMPRESSION)) {
      write(Path.of(args[0]).resolve("v0-" + compression.getLibraryName()), compression);
    }
  }

  static void write(Path folder, CompressionType compression) throws Exception {
    Path work = Files.createTempDirectory("databases");
    ColumnFamilyOptions c = new ColumnFamilyOptions().setCompressionType(compression).setMergeOperatorName("stringappendtest")
        .setTableFormatConfig(new BlockBasedTableConfig().setFormatVersion(0).setBlockSize(256).setBlockRestartInterval(4));
    List<ColumnFamilyHandle> families = new ArrayList<>();
    try (RocksDB db = RocksDB.open(new DBOptions().setCreateIfMissing(true), work.toString(),
        List.of(new ColumnFamilyDescriptor("default".getBytes(), c)), families)) {
      ColumnFamilyHandle h = db.createColumnFamily(new ColumnFamilyDescriptor("state".getBytes(), c));
      WriteOptions w = new WriteOptions().setDisableWAL(true);
      for (int i = 0; i < 60; i++) db.put(h, w, key(i), ("value " + i + " abcdefghabcdefgh").getBytes());
      db.flush(new FlushOptions().setWaitForFlush(true), h);
      for (int i = 0; i < 60; i += 7) db.merge(h, w, key(i), ("operand " + i).getBytes());
      for (int i = 1; i < 60; i += 9) db.delete(h, w, key(i));
      db.flush(new FlushOptions().setWaitForFlush(true), h);
      Files.createDirectories(folder.getParent());
      try (Checkpoint checkpoint = Checkpoint.create(db)) {
        checkpoint.createCheckpoint(folder.toString());
      }
      h.close();
      for (ColumnFamilyHandle f : families) f.close();
    }
    for (Path base : List.of(work, folder)) {
      try (var files = Files.list(base)) {
        for (Path p : (Iterable<Path>) files::iterator) {
          String name = p.getFileName().toString();
          if (base == work || name.endsWith(".log") || name.startsWith("OPTIONS")) Files.delete(p);
        }
      }
    }
    Files.delete(work);
  }

  static byte[] key(int i) {
    return String.format("key-%03d/namespace", i).getBytes();
  }
}
