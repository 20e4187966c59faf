import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/**
 * Apache Kafka's own record code at both ends of the golden bytes.
 *
 *   write FOLDER   makes record batches: NAME.bin, and in NAME.jsonl what Kafka reads out of
 *                   them, one line per batch
 *   read FILE...   prints the same as an array, one line per file; what Kafka refuses as {"refused": CLASS}
 *
 * A field of more than 256 bytes is described by its SHA-256.
 */
public class GoldenRecords {
    private static final long TIME = 1_700_000_000_000L;
    private static final byte MAGIC = RecordBatch.MAGIC_VALUE_V2;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write(Path.of(args[1]));
        else for (String file : Arrays.asList(args).subList(1, args.length)) {
            System.out.println(read(Path.of(file)));
        }
    }

    private static String read(Path file) throws Exception {
        try {
            return "[" + String.join(",", describe(Files.readAllBytes(file))) + "]";
        } catch (Exception | Error refusal) { // snappy-java refuses a block that is too long with an Error
            System.err.println(file + ": " + refusal);
            return "{\"refused\":\"" + refusal.getClass().getSimpleName() + "\"}";
        }
    }

    private static void write(Path folder) throws Exception {
        Files.createDirectories(folder);
        for (CompressionType type : CompressionType.values()) {
            save(folder, "create-" + type.name, small(type, TimestampType.CREATE_TIME));
            save(folder, "append-" + type.name, small(type, TimestampType.LOG_APPEND_TIME));
            if (type != CompressionType.NONE) save(folder, "large-" + type.name, large(type));
        }
        save(folder, "idempotent", idempotent());
        save(folder, "transaction", transaction());
        save(folder, "compacted", compacted());
        save(folder, "emptied", emptied());
        save(folder, "single-null", singleNull());
    }

    private static MemoryRecordsBuilder builder(CompressionType type, TimestampType timestamps, long baseOffset,
                                                long producerId, short epoch, int sequence, boolean transactional) {
        return new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 20), MAGIC, Compression.of(type).build(), timestamps,
            baseOffset, TIME + 999_999, producerId, epoch, sequence, transactional, false, 7, 1 << 20);
    }

    private static MemoryRecordsBuilder builder(CompressionType type, TimestampType timestamps, long baseOffset) {
        return builder(type, timestamps, baseOffset, RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH,
            RecordBatch.NO_SEQUENCE, false);
    }

    private static byte[] small(CompressionType type, TimestampType timestamps) {
        MemoryRecordsBuilder builder = builder(type, timestamps, 5_000_000_000L);
        builder.append(TIME, utf8("key"), utf8("{\"hello\":\"world\"}"));
        builder.append(TIME + 5, null, utf8("no key"));
        builder.append(TIME - 3, utf8("tombstone"), null);
        builder.append(TIME + 86_400_000L * 365, (byte[]) null, (byte[]) null);
        builder.append(TIME + 1, new byte[0], new byte[0]);
        builder.append(TIME + 2, utf8("headers"), utf8("with headers"), new Header[] {
            new RecordHeader("plain", utf8("value")),
            new RecordHeader("null", null),
            new RecordHeader("", new byte[0]),
            new RecordHeader("größe ✓ 🚲", new byte[] {0, -1, 127}),
            new RecordHeader("plain", utf8("again")),
        });
        byte[] all = new byte[256];
        for (int i = 0; i < all.length; i++) all[i] = (byte) i;
        builder.append(TIME + 3, all, all);
        builder.append(TIME + 4, utf8("repeats"), utf8("abc".repeat(1000)));
        return bytes(builder);
    }

    /** Several blocks of every block codec: noise, which LZ4 stores as it is, and text that repeats. */
    private static byte[] large(CompressionType type) {
        MemoryRecordsBuilder builder = builder(type, TimestampType.CREATE_TIME, 0);
        int noiseBytes = type == CompressionType.LZ4 ? 70_000 : 700;
        builder.append(TIME, null, noise(noiseBytes));
        for (int i = 0; i < 120; i++) {
            StringBuilder text = new StringBuilder();
            while (text.length() < 1500) text.append("{\"row\":").append(i).append(",\"n\":").append(text.length() * i).append("}");
            builder.append(TIME + i, utf8("k" + i % 7), utf8(text.toString()));
        }
        return bytes(builder);
    }

    private static byte[] noise(int length) {
        byte[] bytes = new byte[length];
        long state = 42;
        for (int at = 0; at < length; at++) {
            state = state * 6364136223846793005L + 1442695040888963407L;
            bytes[at] = (byte) (state >>> 56);
        }
        return bytes;
    }

    private static byte[] idempotent() {
        MemoryRecordsBuilder builder = builder(CompressionType.NONE, TimestampType.CREATE_TIME, 10, 4711L, (short) 3, 2_147_483_640, false);
        for (int i = 0; i < 3; i++) builder.append(TIME + i, utf8("k" + i), utf8("v" + i));
        return bytes(builder);
    }

    /** Two batches of a transaction, its commit marker, and the abort marker of another. */
    private static byte[] transaction() {
        List<byte[]> parts = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            MemoryRecordsBuilder builder = builder(CompressionType.LZ4, TimestampType.CREATE_TIME, 100 + i, 9L, (short) 0, i, true);
            builder.append(TIME + i, utf8("k"), utf8("v" + i));
            parts.add(bytes(builder));
        }
        parts.add(marker(102, ControlRecordType.COMMIT));
        parts.add(marker(103, ControlRecordType.ABORT));
        return concat(parts);
    }

    private static byte[] marker(long offset, ControlRecordType type) {
        return bytes(MemoryRecords.withEndTransactionMarker(offset, TIME + 50, 7, 9L, (short) 0, new EndTransactionMarker(type, 12)));
    }

    /** What compaction leaves: offsets with gaps, the first and the last record gone, and a delete horizon. */
    private static byte[] compacted() {
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(
            new ByteBufferOutputStream(1 << 16), MAGIC, Compression.of(CompressionType.SNAPPY).build(),
            TimestampType.CREATE_TIME, 200, RecordBatch.NO_TIMESTAMP, 5L, (short) 1, 40, false, false, 7, 1 << 16, TIME + 777);
        builder.appendWithOffset(203, TIME + 3, utf8("a"), utf8("kept"));
        builder.appendWithOffset(207, TIME + 7, utf8("b"), (byte[]) null);
        builder.overrideLastOffset(209);
        return bytes(builder);
    }

    private static byte[] emptied() {
        ByteBuffer buffer = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(buffer, MAGIC, 5L, (short) 1, 50, 210, 219, 7, TimestampType.CREATE_TIME, TIME, false, false);
        return buffer.array();
    }

    private static byte[] singleNull() {
        MemoryRecordsBuilder builder = builder(CompressionType.NONE, TimestampType.CREATE_TIME, 0);
        builder.append(RecordBatch.NO_TIMESTAMP, (byte[]) null, (byte[]) null);
        return bytes(builder);
    }

    private static byte[] bytes(MemoryRecordsBuilder builder) {
        return bytes(builder.build());
    }

    private static byte[] bytes(MemoryRecords records) {
        ByteBuffer buffer = records.buffer().duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    private static byte[] concat(List<byte[]> parts) {
        ByteBuffer out = ByteBuffer.allocate(parts.stream().mapToInt(part -> part.length).sum());
        parts.forEach(out::put);
        return out.array();
    }

    private static void save(Path folder, String name, byte[] bytes) throws Exception {
        Files.write(folder.resolve(name + ".bin"), bytes);
        Files.writeString(folder.resolve(name + ".jsonl"), String.join("\n", describe(bytes)) + "\n");
    }

    private static List<String> describe(byte[] bytes) throws Exception {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        if (records.validBytes() != bytes.length) throw new IOException(records.validBytes() + " of " + bytes.length + " bytes are whole batches");
        List<String> batches = new ArrayList<>();
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            batches.add(describe(batch));
        }
        return batches;
    }

    private static String describe(RecordBatch batch) throws Exception {
        List<String> records = new ArrayList<>();
        for (Record record : batch) {
            record.ensureValid();
            records.add(describe(record));
        }
        return "{\"baseOffset\":" + batch.baseOffset() + ",\"lastOffset\":" + batch.lastOffset()
            + ",\"sizeInBytes\":" + batch.sizeInBytes() + ",\"magic\":" + batch.magic() + ",\"checksum\":" + batch.checksum()
            + ",\"compression\":\"" + batch.compressionType().name + "\",\"timestampType\":\"" + batch.timestampType().name
            + "\",\"maxTimestamp\":" + batch.maxTimestamp() + ",\"producerId\":" + batch.producerId()
            + ",\"producerEpoch\":" + batch.producerEpoch() + ",\"baseSequence\":" + batch.baseSequence()
            + ",\"isTransactional\":" + batch.isTransactional() + ",\"isControlBatch\":" + batch.isControlBatch()
            + ",\"deleteHorizonMs\":" + (batch.deleteHorizonMs().isPresent() ? batch.deleteHorizonMs().getAsLong() : -1)
            + ",\"partitionLeaderEpoch\":" + batch.partitionLeaderEpoch() + ",\"count\":" + batch.countOrNull()
            + ",\"records\":[" + String.join(",", records) + "]}";
    }

    private static String describe(Record record) throws Exception {
        List<String> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            headers.add("{\"key\":" + field(utf8(header.key())) + ",\"value\":" + field(header.value()) + "}");
        }
        return "{\"offset\":" + record.offset() + ",\"timestamp\":" + record.timestamp() + ",\"key\":" + field(record.hasKey() ? copy(record.key()) : null)
            + ",\"value\":" + field(record.hasValue() ? copy(record.value()) : null) + ",\"headers\":[" + String.join(",", headers) + "]}";
    }

    private static byte[] copy(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    private static String field(byte[] bytes) throws Exception {
        if (bytes == null) return "null";
        if (bytes.length <= 256) return "\"base64-" + Base64.getEncoder().encodeToString(bytes) + "\"";
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
        return "\"sha256-" + bytes.length + "-" + Base64.getEncoder().encodeToString(digest) + "\"";
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
