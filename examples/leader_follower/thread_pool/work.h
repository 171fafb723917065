// The work that both pools do for a request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thread_pool {

/// A digest of the request, made `rounds` times over: the reply, 16 hex digits. Uses nothing but
/// the CPU and its registers.
std::string work(std::string_view request, std::uint64_t rounds);

/// How many rounds take a microsecond on this machine, now. At least 1.
std::uint64_t rounds_per_microsecond();

}  // namespace thread_pool
