import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.mirror.Checkpoint;
import org.apache.kafka.connect.mirror.DefaultReplicationPolicy;
import org.apache.kafka.connect.mirror.Heartbeat;

/**
 * MirrorMaker's own client on a partition's batches.
 *
 *   heartbeats FILE | checkpoints FILE   prints each record as that class prints it
 *   names ALIAS                          prints what the default policy calls the topics of that cluster
 */
public class MirrorRecords {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("names")) {
            DefaultReplicationPolicy policy = new DefaultReplicationPolicy();
            System.out.println(policy.heartbeatsTopic());
            System.out.println(policy.formatRemoteTopic(args[1], policy.heartbeatsTopic()));
            System.out.println(policy.checkpointsTopic(args[1]));
            return;
        }
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(args[1])));
        for (Record record : MemoryRecords.readableRecords(bytes).records()) {
            record.ensureValid();
            byte[] key = Utils.toArray(record.key());
            byte[] value = Utils.toArray(record.value());
            ConsumerRecord<byte[], byte[]> read = new ConsumerRecord<>("topic", 0, record.offset(), key, value);
            boolean isHeartbeat = args[0].equals("heartbeats");
            System.out.println(isHeartbeat ? Heartbeat.deserializeRecord(read) : Checkpoint.deserializeRecord(read));
        }
    }
}
