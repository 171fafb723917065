// What every bus refuses, in the same words.
#pragma once

#include <span>
#include <string>

#include "examples/pipeline/bus.h"

namespace pipeline {

Result<> check_topic_name(const std::string& topic);
Result<> check_topic(const std::string& topic, const TopicOptions& options);
Result<> check_records(std::span<const Record> records);
/// What is said of a topic that nobody has made.
Fault no_topic(const std::string& topic);

}  // namespace pipeline
