#include "tests/bench/report.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace quorate::bench {
namespace {

constexpr double kPercentiles[] = {50, 90, 95, 99, 99.9, 99.99};
constexpr const char* kPercentileNames[] = {"p50", "p90", "p95", "p99", "p99.9", "p99.99"};
constexpr const char* kColours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd"};

std::string text_of(double value) {
  char text[64];
  const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.3f", value);
  return text;
}

/// 0 at the median, then one for each further nine: 1 at 90 %, 2 at 99 %, 3 at 99.9 %.
double nines(double share_below) {
  return -std::log10(std::max(1 - share_below, 1e-9));
}

}  // namespace

void Report::print() const {
  settings_.json ? print_json() : print_text();
  if (!settings_.svg.empty()) write_svg();
}

void Report::print_json() const {
  std::string out = "{";
  const auto key = [&out](const std::string& name) {
    if (out.size() > 1) out += ',';
    out += '"' + name + "\":";
  };
  for (const auto& [name, value] : fields_) {
    key(name);
    out += text_of(value);
  }
  for (const auto& [name, values] : lists_) {
    key(name);
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) out += (i ? "," : "") + text_of(values[i]);
    out += ']';
  }
  for (const auto& [name, curve] : curves_) {
    key(name + "_us");
    out += "{\"count\":" + std::to_string(curve.count()) + ",\"mean\":" + text_of(curve.mean());
    for (std::size_t i = 0; i < std::size(kPercentiles); ++i) {
      out += std::string(",\"") + kPercentileNames[i] +
             "\":" + std::to_string(curve.percentile(kPercentiles[i]));
    }
    out += ",\"max\":" + std::to_string(curve.max()) + "}";
  }
  std::printf("%s}\n", out.c_str());
}

void Report::print_text() const {
  for (const auto& [name, value] : fields_) {
    std::printf("%-28s %s\n", name.c_str(), text_of(value).c_str());
  }
  for (const auto& [name, values] : lists_) {
    std::printf("%-28s", name.c_str());
    for (double value : values) std::printf(" %s", text_of(value).c_str());
    std::printf("\n");
  }
  for (const auto& [name, curve] : curves_) {
    if (curve.count() > 0) print_curve(name, curve);
  }
}

void Report::print_curve(const std::string& name, const Histogram& curve) const {
  std::printf("%s, us: mean %.1f", name.c_str(), curve.mean());
  for (std::size_t i = 0; i < std::size(kPercentiles); ++i) {
    std::printf("  %s %llu", kPercentileNames[i],
                static_cast<unsigned long long>(curve.percentile(kPercentiles[i])));
  }
  std::printf("  max %llu\n", static_cast<unsigned long long>(curve.max()));
  // One bar per doubling; its length is the share of all, its end the share so far.
  std::uint64_t limit = 1, seen = 0, here = 0;
  const auto bar = [&] {
    if (here == 0) return;
    seen += here;
    const double share = double(here) / double(curve.count());
    const int width = std::max(1, int(std::lround(share * 50)));
    std::printf("  <= %8llu %7.3f %% %s\n", static_cast<unsigned long long>(limit),
                100 * double(seen) / double(curve.count()),
                std::string(std::size_t(width), '#').c_str());
    here = 0;
  };
  for (const auto& [upper, count] : curve.buckets()) {
    while (upper > limit) {
      bar();
      limit *= 2;
    }
    here += count;
  }
  bar();
}

void Report::write_svg() const {
  std::ofstream out(settings_.svg);
  if (!out) give_up("cannot write " + settings_.svg);
  constexpr double kWidth = 760, kHeight = 420, kLeft = 70, kTop = 30, kRight = 20, kBottom = 50;
  double most = 10;
  for (const auto& [name, curve] : curves_) most = std::max(most, double(curve.max()));
  const double decades = std::ceil(std::log10(most));
  const double deepest = 6;
  const auto x = [&](double n) {
    return kLeft + std::min(n, deepest) / deepest * (kWidth - kLeft - kRight);
  };
  const auto y = [&](double us) {
    return kHeight - kBottom - std::log10(std::max(us, 1.0)) / decades * (kHeight - kTop - kBottom);
  };
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << kWidth << "\" height=\"" << kHeight
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  const char* marks[] = {"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"};
  for (int n = 0; n <= int(deepest); ++n) {
    out << "<line x1=\"" << x(n) << "\" y1=\"" << kTop << "\" x2=\"" << x(n) << "\" y2=\""
        << kHeight - kBottom << "\" stroke=\"#ddd\"/><text x=\"" << x(n) << "\" y=\""
        << kHeight - kBottom + 18 << "\" text-anchor=\"middle\">" << marks[n] << "</text>\n";
  }
  for (int d = 0; d <= int(decades); ++d) {
    const double us = std::pow(10, d);
    out << "<line x1=\"" << kLeft << "\" y1=\"" << y(us) << "\" x2=\"" << kWidth - kRight
        << "\" y2=\"" << y(us) << "\" stroke=\"#ddd\"/><text x=\"" << kLeft - 6 << "\" y=\""
        << y(us) + 4 << "\" text-anchor=\"end\">" << text_of(us) << "</text>\n";
  }
  out << "<text x=\"" << kLeft
      << "\" y=\"18\">latency in us, by the share of requests that were "
         "faster</text>\n";
  std::size_t colour = 0;
  for (const auto& [name, curve] : curves_) {
    if (curve.count() == 0) continue;
    const char* stroke = kColours[colour % std::size(kColours)];
    out << "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" << stroke << "\" points=\"";
    std::uint64_t seen = 0;
    for (const auto& [upper, count] : curve.buckets()) {
      out << x(nines(double(seen) / double(curve.count()))) << ',' << y(double(upper)) << ' ';
      seen += count;
      out << x(nines(double(seen) / double(curve.count()))) << ',' << y(double(upper)) << ' ';
    }
    out << "\"/>\n<text x=\"" << kLeft + 10 << "\" y=\"" << kTop + 16 * double(++colour)
        << "\" fill=\"" << stroke << "\">" << name << "</text>\n";
  }
  out << "</svg>\n";
}

void progress(const std::string& what, double done, double whole) {
  static auto last = std::chrono::steady_clock::time_point{};
  static const bool terminal = isatty(2) == 1;
  const auto now = std::chrono::steady_clock::now();
  const bool end = done >= whole;
  if (!end && now - last < std::chrono::milliseconds(terminal ? 200 : 5000)) return;
  last = now;
  std::fprintf(stderr, "%s%s: %.0f of %.0f%s", terminal ? "\r" : "", what.c_str(), done, whole,
               terminal && !end ? "" : "\n");
}

}  // namespace quorate::bench
