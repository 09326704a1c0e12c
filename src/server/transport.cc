#include "server/transport.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace holdfast::server {

namespace asio = boost::asio;
using trustee::Async;
using trustee::kNoThrow;

namespace {

constexpr std::size_t kIdleBytes = 2u << 10;   // a request without a body, most often
constexpr std::size_t kBusyBytes = 17u << 10;  // a full TLS record

}  // namespace

Transport::Transport(Socket socket, std::shared_ptr<asio::ssl::context> tls)
    : socket_(std::move(socket)), context_(std::move(tls)) {
  error_code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (!context_) return;
  tls_.reset(SSL_new(context_->native_handle()));
  if (!tls_) return;
  BIO* const bio = BIO_new(method());
  if (!bio) {
    tls_.reset();  // the handshake says so
    return;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
  SSL_set_accept_state(tls_.get());
  received_.resize(kIdleBytes);
}

const BIO_METHOD* Transport::method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    BIO_meth_set_read(made, take);
    BIO_meth_set_write(made, send);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  return method;
}

int Transport::take(BIO* bio, char* out, int size) {
  auto& self = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.next_ == self.end_) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t taken = std::min(static_cast<std::size_t>(size), self.end_ - self.next_);
  std::copy_n(self.received_.data() + self.next_, taken, out);
  self.next_ += taken;
  return static_cast<int>(taken);
}

int Transport::send(BIO* bio, const char* bytes, int size) {
  auto& self = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  while (true) {
    const ssize_t sent = ::send(self.socket_.native_handle(), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<int>(sent);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(bio);
    return -1;
  }
}

long Transport::control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

Async<Transport::error_code> Transport::receive() {
  // The last receive filled it: more comes at once. Not before all of that is taken.
  if (end_ == received_.size() && end_ < kBusyBytes) received_.resize(kBusyBytes);
  const auto buffer = asio::buffer(received_.data(), received_.size());
  const auto [error, got] = co_await socket_.async_read_some(buffer, kNoThrow);
  next_ = 0;
  end_ = got;
  co_return error;
}

Async<Transport::error_code> Transport::wait_after(int outcome) {
  switch (SSL_get_error(tls_.get(), outcome)) {
    case SSL_ERROR_WANT_READ: {
      const error_code error = co_await receive();
      co_return error;
    }
    case SSL_ERROR_WANT_WRITE: {
      const auto [error] = co_await socket_.async_wait(Socket::wait_write, kNoThrow);
      co_return error;
    }
    case SSL_ERROR_ZERO_RETURN:
      co_return asio::error::eof;
    case SSL_ERROR_SYSCALL:
      co_return errno ? error_code(errno, boost::system::system_category()) : asio::error::eof;
    default:
      co_return asio::error::connection_aborted;  // what OpenSSL says would help nobody but an attacker
  }
}

// OpenSSL keeps its errors in a queue of the thread, where another connection's would be taken for one's own: so it is
// emptied before each call.

Async<Transport::error_code> Transport::handshake() {
  if (!context_) co_return error_code();
  if (!tls_) co_return asio::error::no_memory;
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int done = SSL_do_handshake(tls_.get());
    if (done == 1) co_return error_code();
    const error_code error = co_await wait_after(done);
    if (error) co_return error;
  }
}

Async<Transport::Moved> Transport::read(char* out, std::size_t size, Likely likely) {
  if (!tls_) co_return co_await read_raw(out, size);
  if (likely == Likely::later && next_ == end_ && !SSL_has_pending(tls_.get())) {
    if (received_.size() > kIdleBytes) std::string(kIdleBytes, '\0').swap(received_);
    end_ = 0;
    // Behind the answers that this turn of the loop still sends: by then the next request is there more often than not,
    // and a receive that finds nothing costs as much as one that does.
    co_await asio::post(socket_.get_executor(), trustee::kAwait);
    Moved moved;
    moved.error = co_await receive();
    if (moved.error) co_return moved;
  }
  while (true) {
    ERR_clear_error();
    errno = 0;
    Moved moved;
    const int done = SSL_read_ex(tls_.get(), out, size, &moved.bytes);
    if (done == 1) co_return moved;
    moved.error = co_await wait_after(done);
    if (moved.error) co_return moved;
  }
}

Async<Transport::error_code> Transport::write(std::string_view bytes) {
  if (!tls_) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    const auto [error, sent] = co_await asio::async_write(socket_, buffer, kNoThrow);
    co_return error;
  }
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    std::size_t sent = 0;
    const int done = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent);
    if (done == 1) {
      bytes.remove_prefix(sent);
      continue;
    }
    const error_code error = co_await wait_after(done);
    if (error) co_return error;
  }
  co_return error_code();
}

void Transport::end_writing() {
  ERR_clear_error();
  if (tls_) static_cast<void>(SSL_shutdown(tls_.get()));  // the other side's word is not waited for
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Async<Transport::Moved> Transport::read_raw(char* out, std::size_t size) {
  const auto buffer = asio::buffer(out, size);
  const auto [error, got] = co_await socket_.async_read_some(buffer, kNoThrow);
  co_return Moved{error, got};
}

void Transport::cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

void Transport::release_buffers() {
  if (tls_) SSL_free_buffers(tls_.get());  // keeps what is in use
}

void Transport::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace holdfast::server
