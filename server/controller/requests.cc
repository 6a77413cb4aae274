#include "server/controller/requests.h"

#include <utility>

#include "server/controller/fields.h"

namespace jangada::server::request {
namespace {

/// A request with its tag: the place of its kind in the variant.
struct Tagged {
  Request request;
  static void Fields(const Tagged& m, fields::Writer& v) {
    v(static_cast<uint64_t>(m.request.index()));
    std::visit([&v](const auto& body) { v(body); }, m.request);
  }
  static void Fields(Tagged& m, fields::Reader& v) {
    uint64_t tag = 0;
    v(tag);
    if (!ReadBody(tag, m, v, std::make_index_sequence<std::variant_size_v<Request>>())) {
      v.Fail();
    }
  }

 private:
  template <size_t... kTags>
  static bool ReadBody(uint64_t tag, Tagged& m, fields::Reader& v, std::index_sequence<kTags...>) {
    return ((tag == kTags && (v(m.request.emplace<kTags>()), true)) || ...);
  }
};

}  // namespace

Answer Refusal(const Error& error) {
  Answer answer;
  answer.error = error.code;
  answer.message = error.message;
  return answer;
}

Bytes EncodeRequest(const Request& request) { return fields::Encode(Tagged{request}); }

Result<Request> DecodeRequest(std::string_view bytes) {
  TRY_ASSIGN(Tagged tagged, fields::Decode<Tagged>(bytes));
  return std::move(tagged.request);
}

Bytes EncodeAnswer(const Answer& answer) { return fields::Encode(answer); }

Result<Answer> DecodeAnswer(std::string_view bytes) { return fields::Decode<Answer>(bytes); }

bool IsRepeatable(const Request& request) {
  return std::visit([](const auto& body) { return body.kRepeatable; }, request);
}

}  // namespace jangada::server::request
