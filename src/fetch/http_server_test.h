#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace holdfast::fetch {

/// A server for tests, on a loopback port of the system's choice: `answer` gets the request, head and body, and gives
/// the whole answer, status line and headers included; an empty one closes the connection. HTTP/1.1 with keep-alive,
/// Content-Length and chunked bodies.
class TestServer {
 public:
  using Answer = std::function<std::string(const std::string& head, const std::string& body)>;

  explicit TestServer(Answer answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    HF_ASSERT(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    HF_ASSERT(::listen(listener_, 64) == 0);
    HF_ASSERT(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~TestServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (const int fd : open_) ::close(fd);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  int connections() const { return connections_; }

  static std::string ok(const std::string& body, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void accept() {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0; fd = ::accept(listener_, nullptr, nullptr)) {
      ++connections_;
      open_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  /// Reads until `in` holds what `until` wants to see; false when the peer is gone.
  static bool fill(int fd, std::string& in, const std::function<bool()>& until) {
    char buffer[4096];
    while (!until()) {
      const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      in.append(buffer, static_cast<std::size_t>(got));
    }
    return true;
  }
  void serve(int fd) {
    std::string in;
    while (fill(fd, in, [&] { return in.find("\r\n\r\n") != std::string::npos; })) {
      const std::string head = in.substr(0, in.find("\r\n\r\n") + 4);
      in.erase(0, head.size());
      std::string body;
      if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
        const auto size = static_cast<std::size_t>(std::stoul(head.substr(at + 16)));
        if (!fill(fd, in, [&] { return in.size() >= size; })) break;
        body = in.substr(0, size);
        in.erase(0, size);
      } else if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
        if (!fill(fd, in, [&] { return in.ends_with("0\r\n\r\n"); })) break;
        while (true) {
          const auto size = static_cast<std::size_t>(std::stoul(in, nullptr, 16));
          in.erase(0, in.find("\r\n") + 2);
          body += in.substr(0, size);
          in.erase(0, size + 2);
          if (size == 0) break;
        }
      }
      const std::string out = answer_(head, body);
      if (out.empty() || ::send(fd, out.data(), out.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out.size())) break;
    }
    ::shutdown(fd, SHUT_RDWR);
  }

  const Answer answer_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace holdfast::fetch
