import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/** Reads the payments of the topic "keyed-payments" from the first one on, and waits for more; Ctrl-C ends it. */
public class PaymentsConsumer {
  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", "localhost:9092");
    settings.put("group.id", "bookkeeping");
    settings.put("auto.offset.reset", "earliest");
    settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");

    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings)) {
      consumer.subscribe(List.of("keyed-payments"));
      while (true) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
          System.out.println(record.partition() + ":" + record.offset() + " " + record.key() + " " + record.value());
        }
      }
    }
  }
}
