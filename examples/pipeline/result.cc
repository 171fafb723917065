#include "examples/pipeline/result.h"

#include <stdexcept>

namespace pipeline {

const char* name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::NoTopic:
      return "no such topic";
    case FaultKind::NoPartition:
      return "no such partition";
    case FaultKind::OtherTopic:
      return "the topic is another";
    case FaultKind::OutOfRange:
      return "offset out of range";
    case FaultKind::TooLarge:
      return "too large";
    case FaultKind::Closed:
      return "closed";
    case FaultKind::Connection:
      return "no connection";
    case FaultKind::Storage:
      return "storage";
    case FaultKind::Damaged:
      return "damaged";
    case FaultKind::Fenced:
      return "fenced";
    case FaultKind::BadArgument:
      return "bad argument";
  }
  return "unknown";
}

void throw_exception_from_error(const Fault& fault, const boost::source_location&) {
  throw std::runtime_error(std::string(name_of(fault.kind)) + ": " + fault.message);
}

}  // namespace pipeline
