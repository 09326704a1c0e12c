#include "fetch/http_client.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "fetch/http_server_test.h"

namespace holdfast::fetch {
namespace {

TEST(HttpClient, GetsOverOneConnection) {
  TestServer server([](const std::string& head, const std::string&) {
    return "HTTP/1.1 200 OK\r\nX-Thing:  a b \r\nContent-Length: 4\r\n\r\n" + head.substr(4, 4);
  });
  HttpClient client;
  for (const char* path : {"/one", "/two"}) {
    const auto response = client.get(server.url(path));
    ASSERT_TRUE(response) << response.error().text();
    EXPECT_EQ(response->body, path);
    EXPECT_EQ(response->header("x-thing"), "a b");
    EXPECT_EQ(response->header("x-other"), "");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, SendsMethodHeadersAndBody) {
  TestServer server(
      [](const std::string& head, const std::string& body) { return TestServer::ok(head + body, "409 Conflict"); });
  HttpClient client;
  const auto response = client.send({"PUT", server.url("/record"), {{"If-Match", "\"7\""}, {"X-Empty", ""}}, "{}"});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 409);
  EXPECT_FALSE(response->ok());
  EXPECT_TRUE(response->body.starts_with("PUT /record HTTP/1.1"));
  EXPECT_NE(response->body.find("If-Match: \"7\""), std::string::npos);
  EXPECT_NE(response->body.find("X-Empty:"), std::string::npos);
  EXPECT_TRUE(response->body.ends_with("\r\n\r\n{}"));
  const auto empty = client.send({"POST", server.url("/"), {}, ""});
  ASSERT_TRUE(empty);
  EXPECT_NE(empty->body.find("Content-Length: 0"), std::string::npos);
  EXPECT_EQ(client.send({"GET", server.url("/"), {{"X", "a\r\nY: b"}}, ""}).error().slug, "http.header.malformed");
}

TEST(HttpClient, StreamsBothWays) {
  TestServer server([](const std::string&, const std::string& body) { return TestServer::ok(body); });
  HttpClient client;
  int pieces = 0;
  std::string back;
  const BodySource source = [&](char* out, std::size_t size) -> Result<std::size_t> {
    if (++pieces > 100) return std::size_t{0};
    const std::string piece = "line " + std::to_string(pieces) + "\n";
    return piece.copy(out, size);
  };
  const BodySink sink = [&](ByteView piece) -> Result<void> {
    back += piece;
    return {};
  };
  const auto response = client.stream({"POST", server.url("/"), {}, ""}, source, sink);
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_TRUE(response->body.empty());
  EXPECT_TRUE(back.starts_with("line 1\nline 2\n") && back.ends_with("line 100\n"));
}

TEST(HttpClient, ErrorsOfTheCallersEndTheExchange) {
  TestServer server([](const std::string&, const std::string&) { return TestServer::ok("body"); });
  HttpClient client;
  const BodySource broken = [](char*, std::size_t) -> Result<std::size_t> {
    return fail(Code::invalid, "test.source", "here", "the file is gone");
  };
  EXPECT_EQ(client.stream({"POST", server.url("/"), {}, ""}, broken, {}).error().slug, "test.source");
  const BodySink full = [](ByteView) -> Result<void> { return fail(Code::exhausted, "test.sink", "", "disk full"); };
  EXPECT_EQ(client.stream({"GET", server.url("/"), {}, ""}, {}, full).error().slug, "test.sink");
}

TEST(HttpClient, SinkGetsNoErrorBodies) {
  TestServer server([](const std::string&, const std::string&) { return TestServer::ok("why", "403 Forbidden"); });
  HttpClient client;
  bool asked = false;
  const BodySink sink = [&](ByteView) -> Result<void> {
    asked = true;
    return {};
  };
  const auto response = client.stream({"GET", server.url("/"), {}, ""}, {}, sink);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "why");
  EXPECT_FALSE(asked);
}

TEST(HttpClient, RetriesGetsOnly) {
  std::atomic<int> calls = 0;
  TestServer server([&](const std::string&, const std::string&) {
    return ++calls % 3 == 0 ? TestServer::ok("here") : TestServer::ok("", "503 Service Unavailable");
  });
  HttpClient client;
  EXPECT_EQ(client.get(server.url("/"))->body, "here");
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(client.send({"POST", server.url("/"), {}, ""})->status, 503);
  EXPECT_EQ(calls, 4);
}

TEST(HttpClient, SaysWhatWentWrong) {
  HttpOptions options;
  options.attempts = 1;
  options.body_bytes_max = 3;
  options.timeout = std::chrono::milliseconds(200);
  HttpClient client(options);
  EXPECT_EQ(client.get("http://127.0.0.1:1/").error().slug, "http.connect.refused");
  EXPECT_EQ(client.get("ftp://127.0.0.1/").error().slug, "http.url.malformed");
  EXPECT_EQ(client.get("file:///etc/passwd").error().slug, "http.url.malformed");
  EXPECT_EQ(client.get("http://nowhere.invalid/").error().slug, "http.host.unknown");
  TestServer large([](const std::string&, const std::string&) { return TestServer::ok("four"); });
  EXPECT_EQ(client.get(large.url("/")).error().slug, "http.body.large");
  TestServer closing([](const std::string&, const std::string&) { return std::string(); });
  EXPECT_EQ(client.get(closing.url("/")).error().slug, "http.connection.lost");
  TestServer slow([](const std::string&, const std::string&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    return TestServer::ok("");
  });
  EXPECT_EQ(client.get(slow.url("/")).error().slug, "http.timeout");
}

TEST(HttpClient, NamesAnAuthorityThatIsNone) {
  TestServer server([](const std::string&, const std::string&) { return TestServer::ok(""); });
  HttpOptions options;
  options.attempts = 1;
  const std::string url = "https" + server.url("/").substr(4);
  const std::string junk = ::testing::TempDir() + "holdfast-junk.pem";
  ASSERT_TRUE(write_file(junk, "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"));
  for (const std::string& path : {junk, ::testing::TempDir() + "holdfast-nowhere.pem"}) {
    options.ca_file = path;
    const auto response = HttpClient(options).get(url);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().slug, "http.tls.authority");
    EXPECT_EQ(response.error().code, Code::invalid);
    EXPECT_EQ(response.error().where, path);
  }
}

TEST(HttpClient, LooksAtAnAuthorityBeforeAnythingConnects) {
  const std::string path = ::testing::TempDir() + "holdfast-authority.pem";
  const auto wrong = [](const std::string& place) { return require_authority(place).error().slug; };
  std::remove(path.c_str());
  EXPECT_EQ(wrong(path), "file.missing");
  EXPECT_EQ(wrong(::testing::TempDir()), "file.folder");
  ASSERT_TRUE(write_file(path, "no certificate"));
  EXPECT_EQ(wrong(path), "http.tls.authority");
  ASSERT_TRUE(write_file(path, "-----BEGIN CERTIFICATE-----\n"));
  EXPECT_TRUE(require_authority(path));
  EXPECT_TRUE(require_authority(""));
}

}  // namespace
}  // namespace holdfast::fetch
