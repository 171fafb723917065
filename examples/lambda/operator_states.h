// What the operators of one task keep, side by side in one text: the state of a checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace lambda_app {

/// Operators whose state is read by others, too: speed_view.h makes a SpeedState of them.
inline constexpr std::string_view kDedupeOperator = "dedupe";
inline constexpr std::string_view kAggregateOperator = "aggregate";

/// Appends to a string that the caller owns: version byte 1, then per operator its name and its
/// bytes, each behind its length. No copy: states may be of some megabytes.
class OperatorStatesWriter {
 public:
  explicit OperatorStatesWriter(std::string& to);

  /// `save(std::string&)` appends the state.
  template <class Save>
  void add(std::string_view name, Save&& save) {
    begin(name);
    save(to_);
    end();
  }

 private:
  void begin(std::string_view name);
  void end();

  std::string& to_;
  std::size_t begin_ = 0;  ///< Of the bytes of the operator being written.
};

/// By name; views into `bytes`. Nothing if they are not what the writer writes, or name one
/// operator twice.
std::optional<std::map<std::string, std::string_view, std::less<>>> decode_operator_states(
    std::string_view bytes);

}  // namespace lambda_app
