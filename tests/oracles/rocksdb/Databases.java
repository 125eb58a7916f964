import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.rocksdb.*;

/**
 * Databases of the real engine and what it reads from them.
 *
 * <p>{@code features OUT}: one small database per feature of the format. {@code random OUT FIRST COUNT}: databases of random
 * programs, by seed. {@code dump OUT}: beside every database folder below OUT, FOLDER.expected: "cf NAME COUNT", then "KEY VALUE"
 * per entry, all in hexadecimal.
 */
public class Databases {
  static final HexFormat HEX = HexFormat.of();
  static final FlushOptions WAIT = new FlushOptions().setWaitForFlush(true);
  static final WriteOptions NO_LOG = new WriteOptions().setDisableWAL(true);

  public static void main(String[] args) throws Exception {
    RocksDB.loadLibrary();
    Path out = Path.of(args[1]);
    switch (args[0]) {
      case "features" -> features(out);
      case "random" -> {
        long first = Long.parseLong(args[2]);
        for (long seed = first; seed < first + Long.parseLong(args[3]); seed++) random(out, seed);
      }
      case "dump" -> dump(out);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  // ---- one database per feature

  interface Program {
    void run(RocksDB db, List<ColumnFamilyHandle> families, Path work) throws Exception;
  }

  static ColumnFamilyOptions options(BlockBasedTableConfig table, CompressionType compression) {
    return new ColumnFamilyOptions()
        .setTableFormatConfig(table.setBlockSize(256).setBlockRestartInterval(4))
        .setCompressionType(compression)
        .setMergeOperatorName("stringappendtest")
        .setNumLevels(4)
        .setDisableAutoCompactions(true);
  }

  static void features(Path out) throws Exception {
    Program fill = (db, f, work) -> {
      for (int i = 0; i < 60; i++) db.put(f.get(1), NO_LOG, key(i), value(i));
      db.flush(WAIT, f.get(1));
      for (int i = 0; i < 60; i += 7) db.merge(f.get(1), NO_LOG, key(i), value(i + 1));
      db.flush(WAIT, f.get(1));
    };
    write(out, "v1-lz4", options(new BlockBasedTableConfig().setFormatVersion(1), CompressionType.LZ4_COMPRESSION), fill);
    write(out, "v1-zstd-no-checksum", options(new BlockBasedTableConfig().setFormatVersion(1)
        .setChecksumType(ChecksumType.kNoChecksum), CompressionType.ZSTD_COMPRESSION), fill);
    write(out, "v2-hash-index-xxhash32", options(new BlockBasedTableConfig().setFormatVersion(2)
        .setChecksumType(ChecksumType.kxxHash).setIndexType(IndexType.kHashSearch), CompressionType.SNAPPY_COMPRESSION)
        .useFixedLengthPrefixExtractor(2), fill);
    write(out, "v4-first-key-xxhash64-lz4hc", options(new BlockBasedTableConfig().setFormatVersion(4)
        .setChecksumType(ChecksumType.kxxHash64).setIndexType(IndexType.kBinarySearchWithFirstKey).setIndexBlockRestartInterval(16)
        .setDataBlockIndexType(DataBlockIndexType.kDataBlockBinaryAndHash), CompressionType.LZ4HC_COMPRESSION), fill);
    CompressionOptions dictionary = new CompressionOptions().setMaxDictBytes(512);
    write(out, "v5-partitioned-xxh3-zstd-dictionary", options(new BlockBasedTableConfig().setFormatVersion(5)
        .setChecksumType(ChecksumType.kXXH3).setIndexType(IndexType.kTwoLevelIndexSearch).setMetadataBlockSize(64)
        .setPartitionFilters(true).setFilterPolicy(new BloomFilter(10, false)).setIndexBlockRestartInterval(3),
        CompressionType.ZSTD_COMPRESSION).setCompressionOptions(dictionary), fill);
    write(out, "v5-lz4-dictionary", options(new BlockBasedTableConfig().setFormatVersion(5), CompressionType.LZ4_COMPRESSION)
        .setCompressionOptions(dictionary), fill);
    write(out, "v6-partitioned-xxh3", options(new BlockBasedTableConfig().setFormatVersion(6).setChecksumType(ChecksumType.kXXH3)
        .setIndexType(IndexType.kTwoLevelIndexSearch).setMetadataBlockSize(64), CompressionType.SNAPPY_COMPRESSION), fill);

    ColumnFamilyOptions plain = options(new BlockBasedTableConfig().setFormatVersion(5), CompressionType.NO_COMPRESSION);
    write(out, "deletions", plain, Databases::deletions);
    write(out, "ranges-across-tables", options(new BlockBasedTableConfig().setFormatVersion(5), CompressionType.NO_COMPRESSION)
        .setTargetFileSizeBase(600).setTargetFileSizeMultiplier(1), Databases::ranges);
    write(out, "ingested", plain, Databases::ingested);
    write(out, "families-atomic-groups", plain, Databases::families);
  }

  /** Deletions of keys, of values written once, and of ranges, with older versions kept by a snapshot. */
  static void deletions(RocksDB db, List<ColumnFamilyHandle> f, Path work) throws Exception {
    ColumnFamilyHandle h = f.get(1);
    for (int i = 0; i < 30; i++) db.put(h, NO_LOG, key(i), value(i));
    db.put(h, NO_LOG, "once-1".getBytes(), value(1));
    db.put(h, NO_LOG, "once-2".getBytes(), value(2));
    Snapshot kept = db.getSnapshot();
    db.flush(WAIT, h);
    db.compactRange(h);
    for (int i = 0; i < 30; i += 4) db.delete(h, NO_LOG, key(i));
    db.singleDelete(h, NO_LOG, "once-1".getBytes());
    for (int i = 0; i < 30; i += 8) db.merge(h, NO_LOG, key(i), value(100 + i));
    Snapshot later = db.getSnapshot();
    db.flush(WAIT, h);
    db.deleteRange(h, NO_LOG, key(10), key(15));
    db.put(h, NO_LOG, key(12), value(12));
    db.merge(h, NO_LOG, key(13), value(13));
    db.flush(WAIT, h);
    db.merge(h, NO_LOG, key(12), value(112));
    db.flush(WAIT, h);
    db.releaseSnapshot(kept);
    db.releaseSnapshot(later);
  }

  /** A deleted range that several tables of a level share, above what was written later and lost its sequence numbers. */
  static void ranges(RocksDB db, List<ColumnFamilyHandle> f, Path work) throws Exception {
    ColumnFamilyHandle h = f.get(1);
    for (int i = 0; i < 60; i++) db.put(h, NO_LOG, key(i), value(i));
    db.flush(WAIT, h);
    db.compactRange(h);
    Snapshot kept = db.getSnapshot();
    db.deleteRange(h, NO_LOG, key(5), key(55));
    for (int i = 0; i < 60; i += 3) db.put(h, NO_LOG, key(i), value(i + 1000));
    db.flush(WAIT, h);
    db.compactRange(h, null, null, new CompactRangeOptions().setChangeLevel(true).setTargetLevel(2));
    db.deleteRange(h, NO_LOG, key(20), key(30));
    db.put(h, NO_LOG, key(25), value(2500));
    db.flush(WAIT, h);
    db.releaseSnapshot(kept);
  }

  /** Tables that were made elsewhere: with their sequence number in the MANIFEST alone, and written into them. */
  static void ingested(RocksDB db, List<ColumnFamilyHandle> f, Path work) throws Exception {
    ColumnFamilyHandle h = f.get(1);
    for (int i = 0; i < 30; i++) db.put(h, NO_LOG, key(i), value(i));
    db.flush(WAIT, h);
    for (boolean written : new boolean[] {false, true}) {
      Path table = work.resolve("made-" + written + ".sst");
      try (Options o = new Options().setCompressionType(CompressionType.NO_COMPRESSION); SstFileWriter w = new SstFileWriter(new EnvOptions(), o)) {
        w.open(table.toString());
        for (int i = written ? 1 : 0; i < 30; i += 3) {
          if (i % 2 == 0) w.put(key(i), value(i + 500)); else w.delete(key(i));
        }
        w.finish();
      }
      try (IngestExternalFileOptions o = new IngestExternalFileOptions().setWriteGlobalSeqno(written)) {
        db.ingestExternalFile(h, List.of(table.toString()), o);
      }
    }
    db.put(h, NO_LOG, key(6), value(6000));
    db.flush(WAIT, h);
  }

  /** Families that come and go, flushed together. */
  static void families(RocksDB db, List<ColumnFamilyHandle> f, Path work) throws Exception {
    ColumnFamilyOptions plain = options(new BlockBasedTableConfig().setFormatVersion(5), CompressionType.NO_COMPRESSION);
    f.add(db.createColumnFamily(new ColumnFamilyDescriptor("zweiter Zustand: ü".getBytes(StandardCharsets.UTF_8), plain)));
    ColumnFamilyHandle gone = db.createColumnFamily(new ColumnFamilyDescriptor("gone".getBytes(), plain));
    f.add(gone);
    for (int i = 0; i < 20; i++) {
      for (ColumnFamilyHandle h : f.subList(1, f.size())) db.put(h, NO_LOG, key(i), value(i + h.getID()));
    }
    db.flush(WAIT, f);
    db.dropColumnFamily(gone);
    f.remove(gone);
    gone.close();
    for (int i = 0; i < 20; i += 2) db.delete(f.get(2), NO_LOG, key(i));
    db.flush(WAIT, f);
  }

  static byte[] key(int i) {
    byte[] text = String.format("key-%03d/namespace", i).getBytes();
    byte[] key = new byte[text.length + 1];
    key[0] = (byte) (i / 16 * 60);
    System.arraycopy(text, 0, key, 1, text.length);
    return key;
  }

  static byte[] value(int i) {
    return ("value " + i + " " + "abcdefgh".repeat(i % 5)).getBytes();
  }

  static void write(Path out, String name, ColumnFamilyOptions options, Program program) throws Exception {
    Path work = Files.createTempDirectory("databases");
    DBOptions o = new DBOptions().setCreateIfMissing(true).setAtomicFlush(name.contains("atomic"));
    List<ColumnFamilyHandle> families = new ArrayList<>();
    try (RocksDB db = RocksDB.open(o, work.toString(), List.of(new ColumnFamilyDescriptor("default".getBytes(), options)), families)) {
      families.add(db.createColumnFamily(new ColumnFamilyDescriptor("state".getBytes(), options)));
      program.run(db, families, work);
      finish(db, families, out.resolve(name), work);
    }
    remove(work);
  }

  /** Takes a checkpoint, as Flink does, and keeps what its snapshots keep. */
  static void finish(RocksDB db, List<ColumnFamilyHandle> families, Path folder, Path work) throws Exception {
    Files.createDirectories(folder.getParent());
    try (Checkpoint checkpoint = Checkpoint.create(db)) {
      checkpoint.createCheckpoint(folder.toString());
    }
    for (ColumnFamilyHandle h : families) h.close();
    try (var files = Files.list(folder)) {
      for (Path p : (Iterable<Path>) files::iterator) {
        if (p.toString().endsWith(".log") || p.getFileName().toString().startsWith("OPTIONS")) Files.delete(p);
      }
    }
  }

  static void remove(Path folder) throws Exception {
    try (var files = Files.walk(folder)) {
      for (Path p : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) Files.delete(p);
    }
  }

  // ---- random programs

  @SafeVarargs
  static <T> T pick(Random r, T... choices) {
    return choices[r.nextInt(choices.length)];
  }

  static void random(Path out, long seed) throws Exception {
    Random r = new Random(seed);
    Path work = Files.createTempDirectory("databases");
    BlockBasedTableConfig table = new BlockBasedTableConfig();
    int version = pick(r, 1, 2, 3, 4, 5, 5, 5, 6);
    ChecksumType checksum = pick(r, ChecksumType.kCRC32c, ChecksumType.kxxHash, ChecksumType.kxxHash64,
        ChecksumType.kXXH3, ChecksumType.kNoChecksum);
    IndexType index = pick(r, IndexType.kBinarySearch, IndexType.kBinarySearch, IndexType.kTwoLevelIndexSearch,
        IndexType.kBinarySearchWithFirstKey, IndexType.kHashSearch);
    table.setFormatVersion(version).setChecksumType(checksum).setIndexType(index).setBlockSize(pick(r, 64, 256, 1024, 4096))
        .setMetadataBlockSize(pick(r, 32, 128, 4096)).setBlockRestartInterval(pick(r, 1, 2, 4, 16))
        .setIndexBlockRestartInterval(index == IndexType.kHashSearch ? 1 : pick(r, 1, 3, 16))
        .setDataBlockIndexType(pick(r, DataBlockIndexType.kDataBlockBinarySearch, DataBlockIndexType.kDataBlockBinaryAndHash));
    if (r.nextInt(3) == 0) {
      table.setFilterPolicy(new BloomFilter(10, false));
      if (index == IndexType.kTwoLevelIndexSearch && r.nextBoolean()) table.setPartitionFilters(true).setCacheIndexAndFilterBlocks(true);
    }
    CompressionType compression = pick(r, CompressionType.NO_COMPRESSION, CompressionType.SNAPPY_COMPRESSION,
        CompressionType.LZ4_COMPRESSION, CompressionType.LZ4HC_COMPRESSION, CompressionType.ZSTD_COMPRESSION);
    int dictionary = r.nextInt(3) == 0 ? pick(r, 200, 4000) : 0;
    CompressionOptions compressing = new CompressionOptions().setMaxDictBytes(dictionary);
    if (dictionary > 0 && r.nextBoolean()) compressing.setZStdMaxTrainBytes(dictionary * 10);
    ColumnFamilyOptions c = new ColumnFamilyOptions().setTableFormatConfig(table).setCompressionType(compression)
        .setCompressionOptions(compressing).setBottommostCompressionOptions(compressing).setMergeOperatorName("stringappendtest")
        .setTargetFileSizeBase(pick(r, 700, 3000, 1 << 20)).setMaxBytesForLevelBase(pick(r, 2000, 20000, 1 << 26))
        .setLevel0FileNumCompactionTrigger(pick(r, 2, 4, 100)).setDisableAutoCompactions(r.nextInt(3) == 0)
        .setNumLevels(pick(r, 3, 7)).setLevelCompactionDynamicLevelBytes(r.nextBoolean()).setTargetFileSizeMultiplier(1);
    if (index == IndexType.kHashSearch) c.useFixedLengthPrefixExtractor(2);
    boolean atomic = r.nextInt(4) == 0;
    DBOptions o = new DBOptions().setCreateIfMissing(true).setMaxManifestFileSize(pick(r, 500L, 1L << 20)).setAtomicFlush(atomic);
    List<ColumnFamilyHandle> hs = new ArrayList<>();
    try (RocksDB db = RocksDB.open(o, work.toString(), List.of(new ColumnFamilyDescriptor("default".getBytes(), c)), hs)) {
      int states = 1 + r.nextInt(3);
      for (int i = 0; i < states; i++) hs.add(db.createColumnFamily(new ColumnFamilyDescriptor(("state-" + i).getBytes(), c)));
      program(db, hs, c, r, work, atomic);
      finish(db, hs, out.resolve(String.format("%05d", seed)), work);
    }
    remove(work);
  }

  static void program(RocksDB db, List<ColumnFamilyHandle> hs, ColumnFamilyOptions c, Random r, Path work, boolean atomic) throws Exception {
    int steps = 50 + r.nextInt(900), keys = 5 + r.nextInt(200), once = 0;
    boolean ranges = r.nextInt(3) > 0, large = r.nextInt(5) == 0;
    List<Snapshot> snapshots = new ArrayList<>();
    Map<ColumnFamilyHandle, List<byte[]>> written = new HashMap<>();
    for (int i = 0; i < steps; i++) {
      ColumnFamilyHandle h = hs.get(1 + r.nextInt(hs.size() - 1));
      int k = r.nextInt(1000);
      if (k < 400) {
        db.put(h, NO_LOG, randomKey(r, keys), randomValue(r, large));
      } else if (k < 500) {
        db.delete(h, NO_LOG, randomKey(r, keys));
      } else if (k < 750) {
        db.merge(h, NO_LOG, randomKey(r, keys), randomValue(r, false));
      } else if (k < 790 && ranges) {
        byte[] a = randomKey(r, keys), b = randomKey(r, keys);
        boolean turned = Arrays.compareUnsigned(a, b) > 0;
        db.deleteRange(h, NO_LOG, turned ? b : a, turned ? a : b);
      } else if (k < 840) {
        byte[] key = ("zs" + once++).getBytes();
        db.put(h, NO_LOG, key, randomValue(r, false));
        written.computeIfAbsent(h, x -> new ArrayList<>()).add(key);
      } else if (k < 870) {
        List<byte[]> those = written.get(h);
        if (those != null && !those.isEmpty()) db.singleDelete(h, NO_LOG, those.remove(r.nextInt(those.size())));
      } else if (k < 930) {
        if (atomic) db.flush(WAIT, hs); else db.flush(WAIT, h);
      } else if (k < 940) {
        db.compactRange(h);
      } else if (k < 950) {
        db.compactRange(h, randomKey(r, keys), randomKey(r, keys), new CompactRangeOptions());
      } else if (k < 970) {
        snapshots.add(db.getSnapshot());
      } else if (k < 985) {
        if (!snapshots.isEmpty()) db.releaseSnapshot(snapshots.remove(r.nextInt(snapshots.size())));
      } else {
        ingest(db, h, c, r, keys, work.resolve("made-" + i + ".sst"), large);
      }
    }
    db.flush(WAIT, hs);
    for (Snapshot s : snapshots) db.releaseSnapshot(s);
  }

  static void ingest(RocksDB db, ColumnFamilyHandle h, ColumnFamilyOptions c, Random r, int keys, Path table, boolean large) throws Exception {
    TreeMap<byte[], byte[]> entries = new TreeMap<>(Arrays::compareUnsigned);
    for (int i = 1 + r.nextInt(30); i > 0; i--) entries.put(randomKey(r, keys), randomValue(r, large));
    try (Options o = new Options(new DBOptions(), c); SstFileWriter w = new SstFileWriter(new EnvOptions(), o)) {
      w.open(table.toString());
      for (var e : entries.entrySet()) {
        switch (r.nextInt(5)) {
          case 0 -> w.delete(e.getKey());
          case 1 -> w.merge(e.getKey(), e.getValue());
          default -> w.put(e.getKey(), e.getValue());
        }
      }
      w.finish();
    }
    try (IngestExternalFileOptions o = new IngestExternalFileOptions().setWriteGlobalSeqno(r.nextBoolean()).setMoveFiles(true)) {
      db.ingestExternalFile(h, List.of(table.toString()), o);
    }
  }

  static byte[] randomKey(Random r, int keys) {
    int k = r.nextInt(keys);
    byte[] text = (String.format("key-%03d", k) + (k % 7 == 0 ? "/longer-namespace-" + k : "")).getBytes();
    byte[] key = new byte[text.length + 1];
    key[0] = (byte) (k % 4 * 80);
    System.arraycopy(text, 0, key, 1, text.length);
    return key;
  }

  static byte[] randomValue(Random r, boolean large) {
    byte[] value = new byte[r.nextInt(12) == 0 ? 0 : r.nextInt(large && r.nextInt(20) == 0 ? 100000 : 60)];
    for (int i = 0; i < value.length; i++) value[i] = (byte) ("abcab,".charAt((i + value.length) % 6) + (r.nextInt(9) == 0 ? 1 : 0));
    return value;
  }

  // ---- what the engine reads

  static void dump(Path out) throws Exception {
    List<Path> folders = new ArrayList<>();
    try (var files = Files.walk(out)) {
      files.filter(p -> p.endsWith("CURRENT")).forEach(p -> folders.add(p.getParent()));
    }
    for (Path folder : folders) {
      Path copy = Files.createTempDirectory("databases");
      try (var files = Files.list(folder)) {
        for (Path p : (Iterable<Path>) files::iterator) Files.copy(p, copy.resolve(p.getFileName()));
      }
      Files.writeString(Path.of(folder + ".expected"), listing(copy));
      remove(copy);
    }
    System.out.println(folders.size() + " databases dumped");
  }

  static String listing(Path folder) throws Exception {
    StringBuilder text = new StringBuilder();
    try (Options o = new Options(); DBOptions d = new DBOptions(); ReadOptions ro = new ReadOptions().setTotalOrderSeek(true);
        ColumnFamilyOptions c = new ColumnFamilyOptions().setMergeOperatorName("stringappendtest")) {
      List<ColumnFamilyDescriptor> families = new ArrayList<>();
      for (byte[] name : RocksDB.listColumnFamilies(o, folder.toString())) families.add(new ColumnFamilyDescriptor(name, c));
      List<ColumnFamilyHandle> hs = new ArrayList<>();
      try (RocksDB db = RocksDB.openReadOnly(d, folder.toString(), families, hs)) {
        for (int i = 0; i < hs.size(); i++) {
          StringBuilder entries = new StringBuilder();
          int count = 0;
          try (RocksIterator it = db.newIterator(hs.get(i), ro)) {
            for (it.seekToFirst(); it.isValid(); it.next(), count++) {
              entries.append(HEX.formatHex(it.key())).append(' ').append(HEX.formatHex(it.value())).append('\n');
            }
            it.status();
          }
          text.append("cf ").append(HEX.formatHex(families.get(i).getName())).append(' ').append(count).append('\n').append(entries);
        }
        for (ColumnFamilyHandle h : hs) h.close();
      }
    }
    return text.toString();
  }
}
