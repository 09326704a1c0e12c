#include "server/request.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace holdfast::server {
namespace {

namespace http = boost::beast::http;

/// The slug of what is wrong with a header; empty when nothing is. `fields` without the blank line.
std::string check(std::string fields, std::string_view first = "PUT /x HTTP/1.1\r\n") {
  http::request_parser<http::empty_body> parser;
  parser.body_limit(boost::none);
  boost::system::error_code error;
  const std::string whole = std::string(first) + std::move(fields) + "\r\n";
  parser.put(boost::asio::buffer(whole), error);
  if (error) return std::string(parse_error(error, whole).slug);
  const auto checked = check_header(parser.get());
  return checked ? "" : std::string(checked.error().slug);
}

TEST(Request, plain_ones_pass) {
  EXPECT_EQ(check("Host: a\r\n"), "");
  EXPECT_EQ(check("Host: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"), "");
  EXPECT_EQ(check("Host: a\r\nTransfer-Encoding: chunked\r\n"), "");
}

TEST(Request, whatever_two_servers_could_read_differently_is_refused) {
  for (const char* bad : {"",
                          "Host: a\r\nHost: b\r\n",
                          "Host: a\r\nHost: a\r\n",
                          "Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
                          "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
                          "Host: a\r\nContent-Length: 5, 5\r\n",
                          "Host: a\r\nContent-Length: +5\r\n",
                          "Host: a\r\nContent-Length: 0x5\r\n",
                          "Host: a\r\nContent-Length: 05\r\n",
                          "Host: a\r\nContent-Length: -1\r\n",
                          "Host: a\r\nContent-Length: 99999999999999999999\r\n",
                          "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                          "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                          "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                          "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
                          "Host: a\r\nTransfer-Encoding: xchunked\r\n",
                          "Host: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n",
                          "Host : a\r\n",
                          "Host: a\r\n\x01: b\r\n",
                          "Host: a\r\nIf-Match: \"1\"\r\nIf-Match: \"2\"\r\n",
                          "Host: a\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n"}) {
    EXPECT_EQ(check(bad), "request.malformed") << bad;
  }
}

TEST(Request, other_versions_and_expectations) {
  EXPECT_EQ(check("Host: a\r\n", "GET / HTTP/1.0\r\n"), "request.version");
  for (const char* line : {"GET / HTTP/0.9\r\n", "GET / HTTP/1.2\r\n", "GET / HTTP/2.0\r\n", "PRI * HTTP/3.1\r\n"}) {
    EXPECT_EQ(check("Host: a\r\n", line), "request.version") << line;
  }
  for (const char* line : {"GET / HTTP/1.1\n", "GET / HTTP/1.1 \r\n", "GET / HTTP/2\r\n", "GET / HTTP/2.00\r\n",
                           "GET / http/1.1\r\n", "GET / HTTQ/1.2\r\n"}) {
    EXPECT_EQ(check("Host: a\r\n", line), "request.malformed") << line;
  }
  EXPECT_EQ(check("Host: a\r\nExpect: miracles\r\n"), "request.expect");
}

TEST(Request, the_last_chunk_is_parsed_whole) {
  http::request_parser<http::empty_body> parser;
  boost::system::error_code error;
  parser.put(boost::asio::buffer("PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 49), error);
  ASSERT_TRUE(!error && parser.chunked());
  const std::string_view last = "0\r\n\r\n";
  for (std::size_t size = 1; size <= last.size(); ++size) {
    if (is_cut_last_chunk(last.substr(0, size))) continue;
    parser.put(boost::asio::buffer(last.data(), size), error);  // ends the process when it got four bytes after three
    EXPECT_EQ(parser.is_done(), size == last.size()) << size;
  }
  EXPECT_TRUE(is_cut_last_chunk("0\r\n\r"));
  EXPECT_FALSE(is_cut_last_chunk("f\r\n"));
}

TEST(Request, a_last_chunk_behind_another_may_come_in_pieces) {
  http::request_parser<http::string_body> parser;
  boost::system::error_code error;
  const std::string_view head = "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", last = "\r\n0\r\n\r\n";
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  parser.put(boost::asio::buffer("1\r\n", 3), error);
  parser.put(boost::asio::buffer("0", 1), error);
  ASSERT_FALSE(error);
  for (std::size_t size = 1; size <= last.size(); ++size) {
    parser.put(boost::asio::buffer(last.data(), size), error);
    EXPECT_EQ(parser.is_done(), size == last.size()) << size;
  }
  EXPECT_EQ(parser.get().body(), "0");
}

TEST(Request, a_large_header_has_its_own_name) {
  EXPECT_EQ(check("Host: a\r\nX: " + std::string(9000, 'x') + "\r\n"), "request.header.large");
}

}  // namespace
}  // namespace holdfast::server
