// Reads the payments of all partitions of the topic "payments" from the beginning on, and prints each:
// partition, offset, account, and the JSON as it is.
//
//   payments_consumer NODE[,NODE...] COUNT
//
// Ends after COUNT payments. Nodes may die meanwhile: none is missed, none comes twice.
#include <jangada/client.h>
#include <jangada/consumer.h>

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

using jangada::ErrorCode;
using jangada::client::Client;
using jangada::client::Consumer;
using jangada::client::Start;

namespace {

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

int Fail(const std::string& sentence) {
  std::cerr << "payments_consumer: " << sentence << "\n";
  return 1;
}

}  // namespace

int main(int count_of_words, char** words) {
  if (count_of_words < 3) return Fail("usage: payments_consumer NODE[,NODE...] COUNT");
  int left = std::atoi(words[2]);

  auto client = Client::Make({.bootstrap = SplitAtCommas(words[1])});
  if (!client.ok()) return Fail(client.error().message);

  Consumer consumer(**client, {});
  consumer.AssignTopic("payments", Start::Earliest());
  while (left > 0) {
    auto polled = consumer.Poll(1000);
    if (!polled.ok() && polled.error().code == ErrorCode::kUnknownTopic) {
      std::cerr << "payments_consumer: waiting for somebody to make the topic\n";
      consumer.AssignTopic("payments", Start::Earliest());
      continue;
    }
    if (!polled.ok()) return Fail(polled.error().message);
    if (polled->records.empty() && !consumer.trouble().empty()) {
      std::cerr << "payments_consumer: still trying: " << consumer.trouble() << "\n";
    }
    for (const jangada::Record& record : polled->records) {
      std::cout << polled->where.partition << " " << record.offset << " " << *record.key << " "
                << *record.value << "\n";
      if (--left == 0) break;
    }
    std::cout.flush();
  }
  return 0;
}
