#include "examples/leader_follower/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

constexpr std::size_t kJobsMax = 1'000'000;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::string line_of(const Counts& counts) {
  std::string line = std::to_string(counts.lines) + "\t" + std::to_string(counts.bad);
  for (const auto& [page, hits] : counts.pages) line += "\t" + page + "\t" + std::to_string(hits);
  return line;
}

Counts counts_of(std::string_view rest) {
  Counts counts;
  take_number(take_until(rest, '\t'), counts.lines);
  take_number(take_until(rest, '\t'), counts.bad);
  while (!rest.empty()) {
    const std::string_view page = take_until(rest, '\t');
    take_number(take_until(rest, '\t'), counts.pages[std::string(page)]);
  }
  return counts;
}

}  // namespace

Ledger::Ledger(const std::string& file) {
  file_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail("cannot open " + file);
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    fail(file + " is another ledger's");
  }
  const std::optional<std::string> text = read_file(file);
  if (!text) {
    ::close(file_);
    fail("cannot read " + file);
  }
  // The last line may have been cut by a kill; nobody was told of it.
  const std::size_t whole = text->rfind('\n') + 1;
  if (::ftruncate(file_, static_cast<off_t>(whole)) != 0) {
    ::close(file_);
    fail("cannot cut " + file);
  }
  std::string_view rest = std::string_view(*text).substr(0, whole);
  while (!rest.empty()) replay(take_until(rest, '\n'));
}

Ledger::~Ledger() {
  ::close(file_);
}

void Ledger::replay(std::string_view line) {
  const std::string_view what = take_until(line, '\t');
  const std::string name(take_until(line, '\t'));
  std::int64_t token = 0;
  take_number(take_until(line, '\t'), token);
  take_until(line, '\t');
  Job& job = jobs_[name];
  if (what == "refused") {
    ++refused_;
    return;
  }
  job.greatest = std::max(job.greatest, token);
  if (what != "applied") return;
  job.applied = token;
  ++applied_;
  merge(totals_, counts_of(line));
}

void Ledger::write(const std::string& line, bool sync) {
  std::string_view rest = line;
  bool written = true;
  while (written && !rest.empty()) {
    const ssize_t count = ::write(file_, rest.data(), rest.size());
    if (count >= 0) rest.remove_prefix(static_cast<std::size_t>(count));
    written = count >= 0 || errno == EINTR;
  }
  if (written && (!sync || ::fdatasync(file_) == 0)) return;
  // An effect that cannot be recorded must not be told of: nothing is right after this.
  std::perror("ledger: cannot write its file");
  std::abort();
}

bool Ledger::decode(std::string_view text, Request& request) {
  request.job = take_until(text, ' ');
  const bool number = take_number(take_until(text, ' '), request.token);
  request.member = text;
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  return number && request.token > 0 && !request.job.empty() && !request.member.empty() &&
         std::none_of(request.job.begin(), request.job.end(), control) &&
         std::none_of(request.member.begin(), request.member.end(), control);
}

std::string Ledger::stale(const Request& request, const Job& job) {
  ++refused_;
  const std::string greatest = std::to_string(job.greatest);
  write("refused\t" + request.job + "\t" + std::to_string(request.token) + "\t" + request.member +
            "\t" + greatest + "\n",
        /*sync=*/false);
  return "stale " + greatest;
}

std::string Ledger::begin(const Request& request) {
  if (jobs_.size() >= kJobsMax && jobs_.count(request.job) == 0) return "error too many jobs";
  Job& job = jobs_[request.job];
  if (request.token < job.greatest) return stale(request, job);
  if (request.token > job.greatest) {
    job.greatest = request.token;
    write("begun\t" + request.job + "\t" + std::to_string(request.token) + "\t" + request.member +
              "\n",
          /*sync=*/false);
  }
  return job.applied != 0 ? "applied " + std::to_string(job.applied) : "ok";
}

std::string Ledger::apply(const Request& request, std::string_view text) {
  const std::optional<Counts> counts = leader_follower::decode(text);
  if (!counts) return "error no counts";
  const std::string answer = begin(request);
  if (answer != "ok") return answer;
  write("applied\t" + request.job + "\t" + std::to_string(request.token) + "\t" + request.member +
            "\t" + line_of(*counts) + "\n",
        /*sync=*/true);
  jobs_[request.job].applied = request.token;
  ++applied_;
  merge(totals_, *counts);
  return "ok";
}

std::string Ledger::answer(std::string_view request) {
  const std::lock_guard lock(mutex_);
  if (request == "status") {
    return "jobs " + std::to_string(jobs_.size()) + " applied " + std::to_string(applied_) +
           " refused " + std::to_string(refused_) + " lines " + std::to_string(totals_.lines) +
           " bad " + std::to_string(totals_.bad);
  }
  if (request == "totals") return final_text(totals_);
  std::string_view head = take_until(request, '\n');
  const std::string_view what = take_until(head, ' ');
  Request asked;
  if (!decode(head, asked)) return "error not understood";
  if (what == "begin") return begin(asked);
  if (what == "apply") return apply(asked, request);
  return "error not understood";
}

}  // namespace leader_follower
