// The calls of the service Admin that concern the node that is asked and no other: its log level
// and the options that it runs with. Never forwarded.
#include "server/grpc/admin_service.h"
#include "server/grpc/unary_call.h"
#include "server/log_level.h"

namespace jangada::server::grpc_door {

grpc::ServerUnaryReactor* AdminService::GetLogLevel(grpc::CallbackServerContext* context,
                                                    const v1::GetLogLevelRequest*,
                                                    v1::GetLogLevelResponse* response) {
  auto* call = new UnaryCall(door_, Method::kGetLogLevel, *context, kDefaultCallUs);
  response->set_node_id(door_.broker.self().value());
  response->set_level(LogLevel());
  call->Answer();
  return call;
}

grpc::ServerUnaryReactor* AdminService::SetLogLevel(grpc::CallbackServerContext* context,
                                                    const v1::SetLogLevelRequest* request,
                                                    v1::SetLogLevelResponse* response) {
  auto* call = new UnaryCall(door_, Method::kSetLogLevel, *context, kDefaultCallUs);
  response->set_node_id(door_.broker.self().value());
  response->set_previous_level(LogLevel());
  call->AnswerWith(ChangeLogLevel(request->level()));
  return call;
}

grpc::ServerUnaryReactor* AdminService::DescribeConfig(grpc::CallbackServerContext* context,
                                                       const v1::DescribeConfigRequest*,
                                                       v1::DescribeConfigResponse* response) {
  auto* call = new UnaryCall(door_, Method::kDescribeConfig, *context, kDefaultCallUs);
  response->set_node_id(door_.broker.self().value());
  for (const NodeOption& option : door_.options.config) {
    auto* to = response->add_options();
    to->set_key(option.key);
    to->set_value(option.value);
    to->set_default_value(option.default_value);
    to->set_unit(option.unit);
    to->set_help(option.help);
  }
  call->Answer();
  return call;
}

}  // namespace jangada::server::grpc_door
