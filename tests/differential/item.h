// What a server sent, field by field, so that two servers' packets can be compared and printed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "tests/differential/request.h"

namespace quorate::differential {

std::string hex_digits(ByteView bytes);

enum class Kind {
  Plain,    ///< The same text on both sides.
  Zxid,     ///< Renumbered: equal stays equal, order stays order.
  Session,  ///< Renumbered: equal stays equal.
  Time,     ///< Of the txn `zxid`: one time per txn.
};

struct Field {
  std::string name;
  Kind kind = Kind::Plain;
  std::string text;
  std::int64_t number = 0;
  std::int64_t zxid = 0;

  std::string shown() const { return kind == Kind::Plain ? text : std::to_string(number); }
};

/// A reply or an event.
struct Item {
  bool event = false;
  std::int32_t err = 0;
  std::vector<Field> fields;

  const Field* find(const std::string& name) const;
  Field* find(const std::string& name);
  /// The plain text of a field, "" when there is none.
  std::string text(const std::string& name) const;
  void erase(const std::string& name);
  std::string shown() const;
};

bool is_event(ByteView packet);
Item decode_event(ByteView packet);
/// `request` says how to read the body. What cannot be read is a field of hex digits.
Item decode_reply(ByteView packet, const Request& request);
Item decode_connect_response(ByteView packet);

/// Which number of one server stands for which of the other.
class Pairing {
 public:
  /// Why the two items cannot be the same answer; "" when they can.
  std::string difference(const Item& a, const Item& b) const;
  /// From now on these belong together. Only after difference() was "".
  void learn(const Item& a, const Item& b);

 private:
  std::string zxid_difference(std::int64_t a, std::int64_t b) const;
  std::string session_difference(std::int64_t a, std::int64_t b) const;
  std::string time_difference(const Field& a, const Field& b) const;

  std::map<std::int64_t, std::int64_t> zxids_, zxids_back_;
  std::unordered_map<std::int64_t, std::int64_t> sessions_, sessions_back_;
  std::unordered_map<std::int64_t, std::int64_t> times_[2];
};

}  // namespace quorate::differential
