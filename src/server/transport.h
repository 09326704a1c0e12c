#pragma once

#include <openssl/ssl.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "trustee/loops/task.h"

namespace holdfast::server {

using Tcp = boost::asio::ip::tcp;
/// Of a connection, on its core's loop.
using Socket = boost::asio::basic_stream_socket<Tcp, trustee::Executor>;

/// The bytes of one connection, under TLS or in the clear. OpenSSL takes what the loop received, and sends by
/// itself, so that a request costs one receive and its answer one send.
class Transport {
 public:
  using error_code = boost::system::error_code;
  struct Moved {
    error_code error;
    std::size_t bytes = 0;
  };
  /// Whether what is read has probably come: then it is tried before it is waited for.
  enum class Likely : std::uint8_t { here, later };

  /// `tls` null: in the clear.
  Transport(Socket socket, std::shared_ptr<boost::asio::ssl::context> tls);

  trustee::Async<error_code> handshake();
  /// Some bytes, at least one; an error at the end of the stream too.
  trustee::Async<Moved> read(char* out, std::size_t size, Likely likely);
  /// All of them.
  trustee::Async<error_code> write(std::string_view bytes);
  /// No more will be written. What still comes can be read with read_raw(), undeciphered.
  void end_writing();
  trustee::Async<Moved> read_raw(char* out, std::size_t size);

  /// Ends a wait with operation_aborted; more may be read and written then.
  void cancel();
  void close();
  /// Gives back the memory that a connection needs only while something moves on it.
  void release_buffers();

  bool secure() const { return tls_ != nullptr; }
  const SSL* tls() const { return tls_.get(); }

 private:
  struct Free {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  /// Until OpenSSL can go on after it answered `outcome`.
  trustee::Async<error_code> wait_after(int outcome);
  trustee::Async<error_code> receive();

  // What OpenSSL calls, its BIO_METHOD.
  static const BIO_METHOD* method();
  static int take(BIO* bio, char* out, int size);
  static int send(BIO* bio, const char* bytes, int size);
  static long control(BIO* bio, int command, long number, void* pointer);

  Socket socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::unique_ptr<SSL, Free> tls_;
  std::string received_;  ///< room for one receive; from next_ to end_ what OpenSSL has not taken yet
  std::size_t next_ = 0, end_ = 0;
};

}  // namespace holdfast::server
