// The Asio face from an installed package. Usage: awaiting CONNECT_STRING
#include <quorate/client.h>
#include <quorate/retry.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>

namespace asio = boost::asio;
using namespace quorate::client;

asio::awaitable<void> run(Client& client) {
  const ConnectReport report = co_await client.async_connect(asio::use_awaitable);
  Retry retry(client);
  Buffer data("x");
  CreateOptions options(CreateMode::EphemeralSequential);
  const CreateReply made =
      co_await retry.async_create("/package-", data, options, asio::use_awaitable);
  std::cout << "done at " << report.server << ": " << made.path << "\n";
  co_await client.async_close(asio::use_awaitable);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  ConnectOptions options(argv[1]);
  options.connect_timeout = std::chrono::seconds(5);
  asio::io_context context;
  Client client(context.get_executor(), options);
  int code = 0;
  asio::co_spawn(context, run(client), [&code](std::exception_ptr failed) {
    try {
      if (failed) std::rethrow_exception(failed);
    } catch (const std::exception& error) {
      std::cout << error.what() << "\n";
      code = 3;
    }
  });
  context.run();
  return code;
}
