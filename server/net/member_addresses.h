// Where the servers of an ensemble are to be reached, also while their config is being changed.
#pragma once

#include <vector>

#include "consensus/membership.h"

namespace quorate::server {

/// The members of the config in force and, so that they can be spoken to before it is committed,
/// those that only the next one names. Who moves does so when the next one is in force.
std::vector<consensus::Member> known_members(const consensus::Membership& membership);

}  // namespace quorate::server
