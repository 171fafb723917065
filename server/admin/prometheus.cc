#include "server/admin/prometheus.h"

#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "server/admin/metric_table.h"
#include "server/admin/process.h"

namespace quorate::server {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.15g", value);
  return buffer;
}

std::string label_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

struct Sample {
  std::string name;  ///< With labels.
  double value;
};
using Samples = std::vector<Sample>;

void add_summary(Samples& out, const std::string& name, const SummaryRow& row,
                 const ServerMetrics& metrics) {
  static const Summary kNone;
  const Summary& summary = row.of == nullptr ? kNone : *row.of(metrics);
  const auto quantile = [&](const char* label, double share) {
    // No value is not the value 0.
    const double value = summary.count == 0 ? std::nan("")
                                            : static_cast<double>(summary.quantile(share)) /
                                                  static_cast<double>(row.divisor);
    out.push_back({name + "{quantile=\"" + label + "\"}", value});
  };
  quantile("0.5", 0.5);
  if (row.kind == SummaryKind::Advanced) {
    quantile("0.9", 0.9);
    quantile("0.99", 0.99);
  }
  out.push_back({name + "_count", static_cast<double>(summary.count)});
  out.push_back({name + "_sum", static_cast<double>(summary.sum) / row.divisor});
}

void add_tallies(Samples& out, const std::string& name, const NamespaceTallies& tallies) {
  for (const auto& [key, tally] : tallies.rows()) {
    const std::string label = "{key=\"" + label_text(key) + "\"}";
    out.push_back({name + "_count" + label, static_cast<double>(tally.count)});
    out.push_back({name + "_sum" + label, static_cast<double>(tally.sum)});
  }
}

/// Type of the row and its samples; text has neither.
const char* samples_of(const MetricRow& row, const AdminFacts& facts, Samples& out) {
  const std::string name = row.name;
  if (const auto* of = std::get_if<GaugeOf>(&row.source)) {
    const MetricValue value = (*of)(facts);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      out.push_back({name, static_cast<double>(*whole)});
    } else if (const auto* fraction = std::get_if<double>(&value)) {
      out.push_back({name, *fraction});
    }
    return "gauge";
  }
  if (const auto* count = std::get_if<CounterOf>(&row.source)) {
    out.push_back({name, static_cast<double>((*count)(*facts.metrics))});
    return "counter";
  }
  if (const auto* one = std::get_if<SummaryRow>(&row.source)) {
    add_summary(out, name, *one, *facts.metrics);
  } else {
    add_tallies(out, name, std::get<TalliesOf>(row.source)(*facts.metrics));
  }
  return "summary";
}

void append_family(std::string& out, const std::string& name, const char* type,
                   const std::string& help, const Samples& samples) {
  if (samples.empty()) return;
  out += "# HELP " + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
  for (const Sample& sample : samples) out += sample.name + ' ' + number(sample.value) + '\n';
}

void append_quotas(std::string& out, const AdminFacts& facts) {
  using Field = std::int64_t znode::QuotaRow::*;
  for (const auto& [name, field, help] :
       {std::tuple{"quota_count_limit_per_namespace", Field(&znode::QuotaRow::count_limit),
                   "Limit of nodes."},
        std::tuple{"quota_bytes_limit_per_namespace", Field(&znode::QuotaRow::bytes_limit),
                   "Limit of bytes."},
        std::tuple{"quota_count_usage_per_namespace", Field(&znode::QuotaRow::count), "Nodes."},
        std::tuple{"quota_bytes_usage_per_namespace", Field(&znode::QuotaRow::bytes), "Bytes."}}) {
    Samples samples;
    for (const znode::QuotaRow& quota : facts.quotas) {
      samples.push_back({std::string(name) + "{key=\"" + label_text(quota.name) + "\"}",
                         static_cast<double>(quota.*field)});
    }
    append_family(out, name, "gauge", help, samples);
  }
  Samples refusals;
  const std::string family = "quota_exceeded_error_per_namespace";
  for (const auto& [name, count] : facts.quota_refusals) {
    refusals.push_back({family + "{key=\"" + label_text(name) + "\"}", static_cast<double>(count)});
  }
  append_family(out, family.c_str(), "counter", "Writes refused by a quota.", refusals);
}

void append_process(std::string& out) {
  const ProcessFigures process = process_figures();
  const auto one = [&](const char* name, const char* type, const char* help, double value) {
    append_family(out, name, type, help, {{name, value}});
  };
  one("process_cpu_seconds_total", "counter", "CPU time used, in seconds.", process.cpu_seconds);
  one("process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
      process.start_seconds);
  one("process_resident_memory_bytes", "gauge", "Resident memory in bytes.",
      static_cast<double>(process.resident_bytes));
  one("process_virtual_memory_bytes", "gauge", "Virtual memory in bytes.",
      static_cast<double>(process.virtual_bytes));
  one("process_open_fds", "gauge", "Open descriptors.", static_cast<double>(open_descriptors()));
  one("process_max_fds", "gauge", "Limit of open descriptors.",
      static_cast<double>(descriptor_limit()));
}

}  // namespace

std::string prometheus_text(const AdminFacts& facts, bool standalone) {
  std::string out;
  for (const MetricRow& row : metric_rows()) {
    if (!is_shown(row, facts, standalone)) continue;
    Samples samples;
    const char* type = samples_of(row, facts, samples);
    append_family(out, row.name, type, row.help, samples);
  }
  append_quotas(out, facts);
  append_process(out);
  return out;
}

std::string prometheus_mntr(const AdminFacts& facts, bool standalone) {
  std::string out;
  for (const MetricRow& row : metric_rows()) {
    if (!is_shown(row, facts, standalone)) continue;
    Samples samples;
    samples_of(row, facts, samples);
    if (samples.empty() && std::holds_alternative<GaugeOf>(row.source)) {
      out += std::string("zk_") + row.name + '\t' +
             value_text(std::get<GaugeOf>(row.source)(facts)) + '\n';
    }
    for (const Sample& sample : samples) {
      out += "zk_" + sample.name + '\t' + number(sample.value) + '\n';
    }
  }
  return out;
}

}  // namespace quorate::server
