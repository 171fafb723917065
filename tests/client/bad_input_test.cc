// Wrong addresses and servers that are none: an error that says what, in time.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "tests/client/live.h"

using namespace quorate;
using namespace quorate::client;
using namespace quorate::client::live;
namespace asio = boost::asio;

namespace {

/// Accepts connections, one after the other, and lets `behave` do with each what it likes.
class FakeServer {
 public:
  explicit FakeServer(std::function<void(asio::ip::tcp::socket&)> behave)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
        thread_([this, behave = std::move(behave)] {
          while (true) {
            boost::system::error_code error;
            asio::ip::tcp::socket socket(context_);
            acceptor_.accept(socket, error);
            if (error || ended_) return;
            try {
              behave(socket);
            } catch (const boost::system::system_error&) {
              // The client has gone.
            }
          }
        }) {}
  ~FakeServer() {
    ended_ = true;
    boost::system::error_code ignored;
    asio::ip::tcp::socket last(context_);
    last.connect(acceptor_.local_endpoint(), ignored);  // Wakes accept().
    thread_.join();
  }
  std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

ConnectOptions brief(const std::string& to) {
  ConnectOptions out(to);
  out.connect_timeout = 600ms;
  out.session_timeout = 1s;
  return out;
}

/// Connects in vain; the reason given for the first host, or the whole message.
std::string reason_with(const ConnectOptions& with) {
  SyncClient client(with);
  const auto begin = std::chrono::steady_clock::now();
  const auto connected = client.connect();
  CHECK_FALSE(connected.ok());
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CHECK_FALSE(client.exists("/").ok());  // And nothing hangs afterwards.
  return connected.value.failures.empty() ? connected.message : connected.value.failures[0].second;
}

std::string reason_of(const std::string& to) {
  return reason_with(brief(to));
}

}  // namespace

TEST_CASE("connect string: what is wrong with it is said before anything is tried") {
  CHECK(reason_of("").find("names no host") != std::string::npos);
  CHECK(reason_of("a,,b").find("bad host") != std::string::npos);
  CHECK(reason_of("a:99999").find("bad port") != std::string::npos);
  CHECK(reason_of("a:1/x//y").find("bad chroot") != std::string::npos);
}

TEST_CASE("servers that cannot be used: the reason is the server's own") {
  CHECK(reason_of("no-such-host.invalid:1").find("not found") != std::string::npos);
  CHECK(reason_of("127.0.0.1:1").find("refused") != std::string::npos);

  FakeServer closes([](auto&) {});
  const std::string closed = reason_of(closes.address());
  CAPTURE(closed);
  CHECK(closed.find("closed the connection") != std::string::npos);

  FakeServer garbage([](auto& socket) {
    asio::write(socket, asio::buffer(std::string(200, '\xff')));
    std::array<char, 64> in;
    boost::system::error_code ended;
    socket.read_some(asio::buffer(in), ended);
  });
  CHECK(reason_of(garbage.address()).find("protocol") != std::string::npos);

  FakeServer http([](auto& socket) {
    asio::write(socket, asio::buffer(std::string("HTTP/1.1 400 Bad Request\r\n\r\n")));
    std::array<char, 64> in;
    boost::system::error_code ended;
    socket.read_some(asio::buffer(in), ended);
  });
  CHECK(reason_of(http.address()).find("protocol") != std::string::npos);

  FakeServer silent([](auto& socket) {
    std::array<char, 64> in;
    boost::system::error_code ended;
    while (!ended) socket.read_some(asio::buffer(in), ended);
  });
  CHECK(reason_of(silent.address()).find("timed out") != std::string::npos);
}

TEST_CASE("servers that stop making sense later: the session goes on elsewhere or ends, no hang") {
  // A right handshake, then bytes that are none.
  FakeServer mad([](auto& socket) {
    std::array<char, 49> in;
    asio::read(socket, asio::buffer(in));
    std::string answer("\0\0\0\x25\0\0\0\0\0\0\x03\xe8\0\0\0\0\0\0\0\x07\0\0\0\x10", 24);
    answer += std::string(17, '\0');
    asio::write(socket, asio::buffer(answer));
    std::array<char, 64> more;
    socket.read_some(asio::buffer(more));
    asio::write(socket, asio::buffer(std::string("\0\0\0\x10\0\0\x99\x99zzzzzzzzzzzz", 20)));
  });
  ConnectOptions with = brief(mad.address());
  with.operation_timeout = 500ms;
  SyncClient client(with);
  REQUIRE(client.connect().ok());
  const auto answer = client.exists("/");
  CHECK((answer.code == Code::ConnectionLoss || answer.code == Code::OperationTimeout));
}

TEST_CASE("TLS: files that cannot be used are named") {
  struct Row {
    const char* ca;
    const char* certificate;
    const char* key;
    const char* expected;
  };
  for (const Row& row :
       {Row{"/no/such/file", "", "", "authorities"}, Row{"", "/no/such/file", "", "certificate"},
        Row{"", "", "/no/such/file", "certificate"}}) {
    CAPTURE(row.expected);
    ConnectOptions with = brief(servers());
    with.tls.enabled = true;
    with.tls.ca_file = row.ca;
    with.tls.certificate_file = row.certificate;
    with.tls.key_file = row.key;
    CHECK(reason_with(with).find(row.expected) != std::string::npos);
  }
}

TEST_CASE("TLS: to a port that does not speak it, and without it to one that does") {
  ConnectOptions with = brief(servers());
  with.tls.enabled = true;
  const std::string reason = reason_with(with);
  CAPTURE(reason);
  CHECK(reason.find("TLS handshake") != std::string::npos);
}

TEST_CASE("TLS: who is trusted, and who is not") {
  if (setting("tls-servers").empty()) return;
  ConnectOptions with(setting("tls-servers"));
  with.connect_timeout = 800ms;
  with.session_timeout = 2s;
  const std::string folder = setting("tls-folder") + "/";
  ConnectOptions right = with;
  right.tls.enabled = true;
  right.tls.ca_file = folder + "ca.pem";
  right.tls.certificate_file = folder + "client.crt";
  right.tls.key_file = folder + "client.key";
  {
    Session s(right);
    CHECK(s.client.set_data(s.path, std::string(900'000, 'x')).ok());
    CHECK(s.client.get_data(s.path).value.data->size() == 900'000);
    bool proved = false;
    for (const AuthId& who : s.client.who_am_i().value) proved |= who.scheme == "x509";
    CHECK(proved);
  }
  ConnectOptions wrong = right;
  wrong.tls.ca_file = folder + "stranger.pem";
  CHECK(reason_with(wrong).find("trusted authority") != std::string::npos);
  wrong = right;
  wrong.tls.certificate_file.clear();
  wrong.tls.key_file.clear();
  CHECK(reason_with(wrong).find("TLS handshake") != std::string::npos);
  wrong = right;
  wrong.servers = "127.0.0.1" + with.servers.substr(with.servers.find(':'));
  CHECK(reason_with(wrong).find("another host") != std::string::npos);
  wrong.tls.verify_host = false;
  {
    Session s(wrong);
    CHECK(s.client.exists("/").ok());
  }
  wrong = right;
  wrong.tls.key_file = folder + "other.key";
  CHECK(reason_with(wrong).find("of another certificate") != std::string::npos);
  const std::string plain = reason_with(with);
  CAPTURE(plain);
  CHECK((plain.find("closed the connection") != std::string::npos ||
         plain.find("protocol") != std::string::npos));
}
