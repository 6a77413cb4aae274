// Sends payments, as JSON, to the topic "payments": the account is the key, so that the payments of
// one account stay in order.
//
//   payments_producer NODE[,NODE...] COUNT [PER_SECOND]
//
// Nodes may die meanwhile: what is acknowledged is there, once. Exit: 0 if all were acknowledged.
#include <jangada/client.h>
#include <jangada/producer.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using jangada::ErrorCode;
using jangada::Record;
using jangada::Result;
using jangada::client::Client;
using jangada::client::Delivery;
using jangada::client::Producer;

namespace {

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

Record PaymentNumber(int number) {
  const std::string account = "account-" + std::to_string(number % 10);
  Record record;
  record.key = account;
  record.value = "{\"id\": " + std::to_string(number) + ", \"account\": \"" + account +
                 "\", \"cents\": " + std::to_string(100 + number % 900) + "}";
  return record;
}

int Fail(const std::string& sentence) {
  std::cerr << "payments_producer: " << sentence << "\n";
  return 1;
}

}  // namespace

int main(int count_of_words, char** words) {
  if (count_of_words < 3) return Fail("usage: payments_producer NODE[,NODE...] COUNT [PER_SECOND]");
  const int count = std::atoi(words[2]);
  const int per_second = count_of_words > 3 ? std::atoi(words[3]) : 1000;

  auto client = Client::Make({.bootstrap = SplitAtCommas(words[1])});
  if (!client.ok()) return Fail(client.error().message);

  // Whoever comes first makes the topic: 3 partitions, each on 3 nodes.
  const auto created = (*client)->CreateTopic(
      {.name = "payments", .partitions = 3, .replication_factor = 3}, 30'000);
  if (!created.ok() && created.error().code != ErrorCode::kAlreadyExists) {
    return Fail(created.error().message);
  }

  std::atomic<int> acknowledged = 0;
  std::atomic<int> failed = 0;
  Producer producer(**client, {});
  auto due = std::chrono::steady_clock::now();
  for (int number = 0; number < count; ++number) {
    producer.Send("payments", PaymentNumber(number), [&, number](Result<Delivery> delivery) {
      if (delivery.ok()) {
        ++acknowledged;
      } else {
        ++failed;
        std::cerr << "payment " << number << ": " << delivery.error() << "\n";
      }
    });
    due += std::chrono::microseconds(1'000'000 / per_second);
    std::this_thread::sleep_until(due);
  }
  producer.Close(60'000);
  std::cout << acknowledged << " payments acknowledged, " << failed << " failed\n";
  return acknowledged == count ? 0 : 1;
}
