// One instance of a service, and how one of several is chosen. No Boost header.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace quorate::client {

/// Where one instance of a service is, and what it says of itself.
struct ServiceInstance {
  std::string service;  ///< A znode's name, as is `id`.
  std::string id;       ///< Unique within the service.
  std::string address;
  std::uint16_t port = 0;
  std::map<std::string, std::string> metadata;

  bool operator==(const ServiceInstance&) const = default;
};

/// The data of an instance's znode: a line "key=value" for address, port and each entry of the
/// metadata ("meta.key"), with '%', '=' and control characters as %XX.
std::string encode_instance(const ServiceInstance& instance);
/// Nothing when the text is no such data. Unknown keys are skipped.
std::optional<ServiceInstance> decode_instance(const std::string& service, const std::string& id,
                                               const std::string& text);

/// Which of several instances a provider hands out.
enum class Selection {
  RoundRobin,  ///< One after the other, in the order of their ids.
  Random,      ///< Any, each as likely.
  Sticky,      ///< The same as long as it is there.
};

}  // namespace quorate::client
