// How the parts of the pipeline answer: a value, or a fault that names what is wrong.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <string>

namespace pipeline {

enum class FaultKind {
  NoTopic,      ///< Nobody has created the topic.
  NoPartition,  ///< The topic has fewer partitions.
  OtherTopic,   ///< The topic is there, with another number of partitions.
  OutOfRange,   ///< The offset is below the low mark: retention has taken the record.
  TooLarge,     ///< A record, batch or state beyond its limit; nothing was done.
  Closed,       ///< The bus or reader is closing.
  Connection,   ///< The broker or Quorate does not answer; a read may be asked again, an append
                ///< may have been done.
  Storage,      ///< The disk refused.
  Damaged,      ///< Bytes that cannot be decoded.
  Fenced,       ///< A later owner of the shard exists: this one's effect was refused.
  BadArgument,  ///< The caller's fault.
};

const char* name_of(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::BadArgument;
  std::string message;  ///< What, where, and what to do about it.
};

template <class T = void>
using Result = boost::system::result<T, Fault>;

/// Found by boost::system::result when value() is asked of a fault: std::runtime_error.
[[noreturn]] void throw_exception_from_error(const Fault& fault, const boost::source_location&);

}  // namespace pipeline
