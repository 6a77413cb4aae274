#include "server/kafka/dispatcher.h"

#include <string>
#include <utility>

#include "server/kafka/apis.h"

namespace jangada::server::kafka {
namespace {

/// KIP-511: a client that is newer than this node learns the versions of this one request, in the
/// form that every client can read.
Reply UnknownApiVersions(const RequestHeader& header, const Api& api) {
  ApiVersionsResponse response;
  response.error_code = Code::kUnsupportedVersion;
  response.api_keys.push_back({api.key, api.min_version, api.max_version});
  return {.frame = EncodeResponse({.correlation_id = header.correlation_id}, response).frame};
}

Reply Unserved(Door& door, const RequestHeader& header, const char* what) {
  door.meter.Unserved();
  return {.close = std::string(what) + " key=" + std::to_string(header.key) +
                   " version=" + std::to_string(header.version) +
                   " client=" + header.client_id.value_or("").substr(0, 64)};
}

}  // namespace

bool Dispatcher::Dispatch(Bytes frame, std::shared_ptr<const Abandonment> gone,
                          Callback<Reply> done, std::string client_address) {
  Reader reader(std::move(frame));
  RequestHeader header;
  reader.ReadMessage(header);
  if (!reader.ok()) {
    door_.meter.Unserved();
    done(Reply{.close = "the head of a request could not be read: " + reader.Why()});
    return false;
  }
  const Api* api = FindApi(header.key);
  if (api == nullptr) {
    done(Unserved(door_, header, "a request is of a kind not served here"));
    return false;
  }
  if (header.version < api->min_version || header.version > api->max_version) {
    if (api->key == ApiVersionsRequest::kKey) {
      door_.meter.Unserved();
      done(UnknownApiVersions(header, *api));
    } else {
      done(Unserved(door_, header, "a request is of a version not served here"));
    }
    return false;
  }
  const bool flexible = header.version >= api->flexible_since;
  reader.SetVersion(header.version, flexible);
  if (flexible) reader.SkipTags();
  const ResponseFormat format{.correlation_id = header.correlation_id,
                              .version = header.version,
                              .flexible = flexible,
                              .flexible_header = flexible && api->key != ApiVersionsRequest::kKey};
  api->serve(Incoming{.door = door_,
                      .place = static_cast<size_t>(api - Apis().data()),
                      .began_us = door_.NowUs(),
                      .header = std::move(header),
                      .format = format,
                      .body = std::move(reader),
                      .gone = std::move(gone),
                      .done = std::move(done),
                      .client_address = std::move(client_address)});
  return api->parks;
}

}  // namespace jangada::server::kafka
