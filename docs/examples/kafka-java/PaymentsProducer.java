import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Sends a hundred payments to the topic "keyed-payments": the account is the key, so its payments stay in order. */
public class PaymentsProducer {
  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", "localhost:9092");
    settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");

    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
      for (int number = 0; number < 100; number++) {
        producer.send(new ProducerRecord<>("keyed-payments", "account-" + number % 10, "payment-" + number));
      }
    }
    System.out.println("100 payments sent");
  }
}
