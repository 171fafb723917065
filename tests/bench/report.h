// What a run found, for people and for programs.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/bench/histogram.h"
#include "tests/bench/settings.h"

namespace quorate::bench {

class Report {
 public:
  explicit Report(const Settings& settings) : settings_(settings) {}

  void add(const std::string& name, double value) { fields_.emplace_back(name, value); }
  /// Latencies in microseconds; the program's output has them as "<name>_us".
  void add(const std::string& name, const Histogram& latencies) {
    curves_.emplace_back(name, latencies);
  }
  void add(const std::string& name, std::vector<double> values) {
    lists_.emplace_back(name, std::move(values));
  }
  /// To stdout, and the picture to the file of --svg.
  void print() const;

 private:
  void print_json() const;
  void print_text() const;
  void print_curve(const std::string& name, const Histogram& curve) const;
  void write_svg() const;

  const Settings& settings_;
  std::vector<std::pair<std::string, double>> fields_;
  std::vector<std::pair<std::string, Histogram>> curves_;
  std::vector<std::pair<std::string, std::vector<double>>> lists_;
};

/// A line on stderr that is written over, where stderr is a terminal; otherwise now and then.
void progress(const std::string& what, double done, double whole);

}  // namespace quorate::bench
