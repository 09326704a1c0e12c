#pragma once

#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast::bench {

using Clock = std::chrono::steady_clock;

/// PEM files: whom we trust and who we are. Empty: the system's authorities; no client certificate.
struct Identity {
  std::string ca, certificate, key;
};

/// Where to connect to. Everything here throws std::runtime_error, which says what could not be done.
struct Server {
  std::string host, name;  ///< `name` as it stands in the Host field, with the port
  sockaddr_storage address{};
  socklen_t address_bytes = 0;

  static Server at(std::string_view url);
};

/// TLS 1.3 as a client that checks the server's certificate.
class Tls {
 public:
  explicit Tls(const Identity& identity);
  SSL_CTX* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

/// What is kept of one answer. Only those with a Content-Length are understood, which is all that is loaded.
struct Answer {
  int status = 0;
  bool close = false;
  std::uint64_t body_bytes = 0;
  std::string start;  ///< of the body, when it is no success
};

/// One kept connection: a request, its whole answer, the next.
class Connection {
 public:
  Connection(const Server& server, const Tls& tls) : server_(server), tls_(tls) {}
  ~Connection() { shut(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects and shakes hands, waiting for both; what was open before is closed.
  void open();
  /// Sends `request`; the answer is then awaited.
  void send(Clock::time_point now);
  /// Takes what has arrived; true when the answer is whole.
  bool receive();

  bool awaited() const { return awaited_; }
  const Answer& answer() const { return answer_; }
  Clock::time_point sent_at() const { return sent_at_; }
  int socket() const { return socket_; }

  std::string request;

 private:
  void shut();
  bool take(std::string_view bytes);

  const Server& server_;
  const Tls& tls_;
  int socket_ = -1;
  SSL* ssl_ = nullptr;
  bool awaited_ = false, in_body_ = false;
  std::uint64_t body_left_ = 0;
  std::string head_;  ///< what has come of it, when it came in pieces
  Answer answer_;
  Clock::time_point sent_at_;
};

/// Tells which connections have something to read.
class Poll {
 public:
  Poll();
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  void add(Connection& connection);
  void remove(Connection& connection);
  /// Visits the connections with something to read, waiting for one for a little while.
  template <class Visit>
  void wait(Visit visit) {
    const int count = epoll_wait(poll_, events_.data(), static_cast<int>(events_.size()), 100);
    for (int i = 0; i < count; ++i) visit(*static_cast<Connection*>(events_[static_cast<std::size_t>(i)].data.ptr));
  }

 private:
  int poll_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace holdfast::bench
