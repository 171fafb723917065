#include "examples/lambda/line_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "examples/pipeline/log_parser.h"

namespace lambda_app {

using namespace pipeline;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPortion = 1'000;
constexpr std::size_t kReadBytes = 256u << 10;

/// Closes what it opened.
class File {
 public:
  explicit File(const std::string& name)
      : descriptor_(name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)),
        owned_(name != "-") {}
  ~File() {
    if (owned_ && descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  bool owned_;
};

/// Hands lines on in portions of a pace.
class Portions {
 public:
  Portions(double rate, Stopper& stopper, const TakeLines& take)
      : pace_(rate), size_(pace_.portion(kPortion)), stopper_(stopper), take_(take) {}

  void add(std::string_view line, std::uint64_t offset) {
    if (count_ == 0) offset_ = offset;
    lines_ += line;
    lines_ += '\n';
    if (++count_ >= size_) hand_on();
  }
  void hand_on() {
    if (count_ == 0 || !result_) return;
    result_ = pace_.wait(count_, stopper_) ? take_(lines_, offset_)
                                           : Result<>(Fault{FaultKind::Closed, "stopped"});
    lines_.clear();
    count_ = 0;
  }
  const Result<>& result() const { return result_; }

 private:
  Pace pace_;
  const std::size_t size_;
  Stopper& stopper_;
  const TakeLines& take_;
  std::string lines_;
  std::size_t count_ = 0;
  std::uint64_t offset_ = 0;
  Result<> result_;
};

}  // namespace

// --- Stopper, Pace -----------------------------------------------------------------------------

Stopper::Stopper() : descriptor_(::eventfd(0, EFD_CLOEXEC)) {}

Stopper::~Stopper() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Stopper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  const std::uint64_t one = 1;
  // It cannot be full: one number is written once.
  static_cast<void>(::write(descriptor_, &one, sizeof one) == sizeof one);
  changed_.notify_all();
}

bool Stopper::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool Stopper::wait_until(Clock::time_point moment) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_until(lock, moment, [this] { return stopped_; });
}

std::size_t Pace::portion(std::size_t most) const {
  if (rate_ <= 0) return most;
  return std::clamp<std::size_t>(static_cast<std::size_t>(rate_ / 50), 1, most);
}

bool Pace::wait(std::uint64_t lines, Stopper& stopper) {
  lines_ += lines;
  if (rate_ <= 0) return !stopper.stopped();
  return stopper.wait_until(
      begin_ + std::chrono::duration_cast<Clock::duration>(
                   std::chrono::duration<double>(static_cast<double>(lines_) / rate_)));
}

// --- Sources -----------------------------------------------------------------------------------

Result<> read_file_lines(const std::string& file, double rate, Stopper& stopper,
                         const TakeLines& take) {
  const auto failed = [&file] {
    return Fault{FaultKind::Storage, file + ": " + std::strerror(errno)};
  };
  const File opened(file);
  if (opened.descriptor() < 0) return failed();
  Portions portions(rate, stopper, take);
  const auto add = [&portions](std::string_view line, std::uint64_t offset) {
    portions.add(line, offset);
  };
  LineSplitter splitter;
  std::string chunk(kReadBytes, '\0');
  while (portions.result()) {
    pollfd wanted[] = {{opened.descriptor(), POLLIN, 0}, {stopper.descriptor(), POLLIN, 0}};
    if (::poll(wanted, std::size(wanted), /*timeout=*/-1) < 0 && errno != EINTR) return failed();
    if (stopper.stopped()) break;
    const ssize_t size = ::read(opened.descriptor(), chunk.data(), chunk.size());
    if (size < 0 && errno != EINTR && errno != EAGAIN) return failed();
    if (size == 0) {
      splitter.finish(add);
      portions.hand_on();
      break;
    }
    if (size < 0) continue;
    splitter.feed({chunk.data(), static_cast<std::size_t>(size)}, add);
    // The rest of a pipe may come much later.
    portions.hand_on();
  }
  return portions.result();
}

Result<> generate_lines(const GeneratorOptions& options, std::uint64_t lines, double rate,
                        Stopper& stopper, const TakeLines& take) {
  Generator generator(options);
  Pace pace(rate);
  std::string text;
  std::uint64_t offset = 0;
  for (std::uint64_t done = 0; lines == 0 || done < lines;) {
    std::uint64_t portion = pace.portion(kPortion);
    if (lines > 0) portion = std::min(portion, lines - done);
    for (std::uint64_t i = 0; i < portion; ++i) generator.next(text);
    if (!pace.wait(portion, stopper)) return {};
    if (Result<> taken = take(text, offset); !taken) return taken;
    offset += text.size();
    text.clear();
    done += portion;
  }
  return {};
}

}  // namespace lambda_app
