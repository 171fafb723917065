#include "client-lib/src/asio_runtime.h"

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <optional>

using namespace quorate;
using namespace quorate::client;

namespace {

struct Waits {
  boost::asio::io_context io;
  AsioRuntime runtime;
  std::unique_ptr<Timer> timer{runtime.make_timer(boost::asio::make_strand(io))};

  auto into(std::optional<ErrorCode>& outcome) {
    return [&outcome](ErrorCode error) { outcome = error; };
  }
};

}  // namespace

TEST_CASE("timer: a time that has passed is due at once, never inside the call") {
  Waits f;
  std::optional<ErrorCode> ended;
  f.timer->start_wait(f.runtime.now(), f.into(ended));
  CHECK_FALSE(ended);
  f.io.run();
  REQUIRE(ended);
  CHECK_FALSE(*ended);
}

TEST_CASE("timer: cancel, another wait and the timer's end all end a wait with operation_aborted") {
  const ErrorCode aborted = boost::asio::error::operation_aborted;
  Waits f;
  std::optional<ErrorCode> first, second, third;
  f.timer->start_wait(Timer::TimePoint::max(), f.into(first));
  f.timer->start_wait(Timer::TimePoint::max(), f.into(second));
  f.io.poll();
  CHECK(first == aborted);
  CHECK_FALSE(second);
  f.timer->cancel();
  f.io.restart();
  f.io.poll();
  CHECK(second == aborted);
  f.timer->start_wait(Timer::TimePoint::max(), f.into(third));
  f.timer.reset();
  f.io.restart();
  f.io.poll();
  CHECK(third == aborted);
}

TEST_CASE("timer: the handler's cancellation slot ends the wait") {
  Waits f;
  boost::asio::cancellation_signal signal;
  std::optional<ErrorCode> ended;
  wait_until(*f.timer, Timer::TimePoint::max(),
             boost::asio::bind_cancellation_slot(signal.slot(), f.into(ended)));
  f.io.poll();
  CHECK_FALSE(ended);
  signal.emit(boost::asio::cancellation_type::terminal);
  f.io.restart();
  f.io.poll();
  CHECK(ended == ErrorCode(boost::asio::error::operation_aborted));
}

TEST_CASE("guid: 32 hexadecimal digits, another every time") {
  AsioRuntime runtime;
  const std::string one = new_guid(runtime), other = new_guid(runtime);
  CHECK(one.size() == 32);
  CHECK(one.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(one != other);
}
