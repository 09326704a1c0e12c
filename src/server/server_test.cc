#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <filesystem>
#include <thread>

#include "server/test_certificates_test.h"
#include "storage/memory.h"

namespace holdfast::server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kAgreement = R"(holdfast: 1
agreement: us-users
version: 1
subjects: {country: US, served-by: [app-us]}
parties:
  bytedance: {role: operator, country: CN, key: @bytedance@}
  oracle: {role: trustee, country: US, key: @oracle@}
  treasury: {role: overseer, country: US, key: @treasury@}
  app-us: {role: recipient, country: US, operated-by: oracle}
collections:
  profile:
    from: [app-us]
    keep: 5y
    fields:
      email: {type: text, category: user.contact.email}
  views:
    from: [app-us]
    key: event
    keep: 400d
    fields:
      video: {type: text, category: user.behavior.media_consumption}
flows:
  account:
    to: app-us
    use: essential.service
    gives: {profile: {email: clear}}
  scarce:
    to: app-us
    use: essential.service
    gives: {profile: {email: clear}}
    limit: 1 subjects per day
changes:
  agreement: {signed-by: [operator, trustee, overseer]}
)";

using Response = http::response<http::string_body>;

/// A blocking client that says exactly what it is told to.
class Client {
 public:
  Client(std::uint16_t port, const TestCertificate* certificate)
      : context_(asio::ssl::context::tls_client), stream_(setup(certificate)) {
    stream_->next_layer().connect({asio::ip::make_address("127.0.0.1"), port});
    stream_->handshake(asio::ssl::stream_base::client);
  }
  void send(std::string_view bytes) { asio::write(*stream_, asio::buffer(bytes)); }
  Response receive(bool head = false) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(head);
    http::read(*stream_, buffer_, parser);
    return parser.release();
  }
  Response ask(std::string_view first, std::string_view fields = "", std::string_view body = "") {
    std::string whole = std::string(first) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields);
    if (!body.empty()) whole += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    send(whole + "\r\n" + std::string(body));
    return receive(first.starts_with("HEAD"));
  }
  /// True when the server has closed (or does so within its time-outs).
  bool is_closed() {
    char c;
    boost::system::error_code error;
    stream_->read_some(asio::buffer(&c, 1), error);
    return static_cast<bool>(error);
  }

 private:
  std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket>> setup(const TestCertificate* certificate) {
    context_.set_verify_mode(asio::ssl::verify_none);
    if (certificate) {
      context_.use_certificate(asio::buffer(certificate->certificate_pem()), asio::ssl::context::pem);
      context_.use_private_key(asio::buffer(certificate->key_pem()), asio::ssl::context::pem);
    }
    return std::make_unique<asio::ssl::stream<asio::ip::tcp::socket>>(io_, context_);
  }
  asio::io_context io_;
  asio::ssl::context context_;
  std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket>> stream_;
  boost::beast::flat_buffer buffer_;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "holdfast-server-XXXXXX";
    directory_ = mkdtemp(path.data());
    roots_ = std::move(*vault::FileRootKeys::create(directory_ + "/roots"));
    auto opened = trustee::Trustee::open(
        *store_, *roots_, std::move(*SigningKey::from_seed("example.org/log", Bytes(32, 'l'))), clock_, {});
    ASSERT_TRUE(opened) << opened.error().text();
    trustee_ = std::move(*opened);
    ca_ = TestCertificate::make("", nullptr);
    HF_ASSERT(write_file(directory_ + "/ca.pem", ca_.certificate_pem()));
    TestCertificate::make("DNS:localhost", &ca_).save(directory_ + "/server");
    config_.trust_domain = "example.org";
    config_.listen = {"127.0.0.1", 0};
    config_.evidence_listen = Endpoint{"127.0.0.1", 0};
    config_.tls = {directory_ + "/server.pem", directory_ + "/server.key", directory_ + "/ca.pem"};
    config_.threads = 2;
    config_.log_level = LogLevel::error;
    config_.bounds.header = config_.bounds.idle = std::chrono::seconds(2);
    config_.bounds.body_bytes = 64 << 10;
  }
  void TearDown() override {
    stop();
    server_.reset();
    trustee_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    auto server = Server::create(config_, *trustee_);
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    port_ = server_->ports().main;
    thread_ = std::thread([this] { EXPECT_TRUE(server_->run()); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
  }
  TestCertificate party(const std::string& name) const {
    return TestCertificate::make("URI:spiffe://example.org/party/" + name, &ca_);
  }
  void adopt() {
    std::string text(kAgreement);
    std::vector<SigningKey> keys;
    for (const char* name : {"bytedance", "oracle", "treasury"}) {
      keys.push_back(std::move(*SigningKey::generate(name)));
      const std::string mark = "@" + std::string(name) + "@";
      text.replace(text.find(mark), mark.size(), keys.back().verifier().text());
    }
    Note note = std::move(*Note::create(text));
    for (const SigningKey& key : keys) note.sign(key);
    const TestCertificate oracle = party("oracle");
    Client client(port_, &oracle);
    const Response response = client.ask("POST /v1/agreement", "Content-Type: text/plain\r\n", note.encode());
    ASSERT_EQ(response.result_int(), 201u) << response.body();
  }
  void deposit(std::string_view subject) {
    Client client(port_, &app_);
    const Response response = client.ask("PUT /v1/collections/profile/subjects/" + std::string(subject),
                                         "Content-Type: application/json\r\n", R"({"email":"ana@example.org"})");
    ASSERT_EQ(response.result_int(), 201u) << response.body();
  }

  std::string directory_;
  std::unique_ptr<storage::Store> store_ = storage::open_memory();
  std::unique_ptr<vault::FileRootKeys> roots_;
  SystemClock clock_;
  std::unique_ptr<trustee::Trustee> trustee_;
  Config config_;
  TestCertificate ca_;
  TestCertificate app_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(ServerTest, anyone_sees_the_evidence_and_the_health_but_nothing_else) {
  start();
  Client client(port_, nullptr);
  EXPECT_EQ(client.ask("GET /healthz").result_int(), 200u);
  EXPECT_EQ(client.ask("GET /readyz").result_int(), 503u);
  EXPECT_EQ(client.ask("GET /readyz")[http::field::retry_after], "5");
  EXPECT_THAT(client.ask("GET /log/log.vkey").body(), HasSubstr("example.org/log+"));
  EXPECT_THAT(client.ask("GET /log/checkpoint").body(), HasSubstr("example.org/log\n"));
  EXPECT_EQ(client.ask("GET /log/tile/0/0").result_int(), 404u);
  EXPECT_THAT(client.ask("GET /openapi.yaml").body(), HasSubstr("openapi: 3.1.0"));
  const Response missing = client.ask("GET /v1/status");
  EXPECT_EQ(missing.result_int(), 401u);
  EXPECT_EQ(missing[http::field::content_type], "application/problem+json");
  EXPECT_THAT(missing.body(), HasSubstr("caller.certificate.missing"));
  const Response head = client.ask("HEAD /healthz");
  EXPECT_EQ(head.result_int(), 200u);
  EXPECT_EQ(head[http::field::content_length], "6");
  const Response method = client.ask("POST /healthz");
  EXPECT_EQ(method.result_int(), 405u);
  EXPECT_EQ(method[http::field::allow], "GET, HEAD");
  EXPECT_EQ(client.ask("GET /nothing").result_int(), 404u);
  EXPECT_EQ(client.ask("GET /healthz?x=1").result_int(), 400u);
}

TEST_F(ServerTest, a_deposit_and_its_disclosure) {
  start();
  app_ = party("app-us");
  adopt();
  Client client(port_, &app_);
  const std::string json = "Content-Type: application/json\r\n";
  const std::string record = R"({"email":"ana@example.org"})";
  const std::string at = "PUT /v1/collections/profile/subjects/a%2Fb";
  const Response put = client.ask(at, json + "If-None-Match: *\r\nIdempotency-Key: k\r\n", record);
  EXPECT_EQ(put.result_int(), 201u) << put.body();
  EXPECT_EQ(client.ask(at, json + "If-None-Match: *\r\n", record).result_int(), 412u);
  EXPECT_EQ(client.ask(at, json + "If-Match: x\r\n", record).result_int(), 400u);
  EXPECT_EQ(client.ask(at, "Content-Type: text/plain\r\n", record).result_int(), 415u);
  EXPECT_EQ(client.ask(at, json + "Content-Encoding: gzip\r\n", record).result_int(), 415u);

  const std::string trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
  const Response got = client.ask("GET /v1/flows/account/subjects/a%2Fb", trace);
  ASSERT_EQ(got.result_int(), 200u) << got.body();
  EXPECT_THAT(got.body(), HasSubstr("ana@example.org"));
  EXPECT_EQ(got[http::field::etag], put[http::field::etag]);
  EXPECT_EQ(got["Holdfast-Salt"].size(), 32u);
  EXPECT_TRUE(got["traceparent"].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  const std::string receipt(got["Holdfast-Receipt"]);
  EXPECT_THAT(client.ask("GET /v1/entries/" + receipt).body(), HasSubstr("\"released\""));
  EXPECT_THAT(client.ask("GET /v1/receipts/" + receipt).body(), HasSubstr("tlog-proof"));
  EXPECT_EQ(client.ask("GET /v1/receipts/01").result_int(), 400u);
  EXPECT_EQ(client.ask("HEAD /v1/flows/account/subjects/a%2Fb").result_int(), 405u);  // would be a release
  const Response unknown = client.ask("GET /v1/flows/other/subjects/a%2Fb");
  EXPECT_EQ(unknown.result_int(), 403u);
  EXPECT_THAT(unknown.body(), HasSubstr("flow.unknown"));
  const std::string metrics = client.ask("GET /metrics").body();
  EXPECT_THAT(metrics, HasSubstr("holdfast_flow_duration_seconds_count{flow=\"account\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("holdfast_limit_left"));
  EXPECT_THAT(metrics, Not(HasSubstr("a/b")));
  EXPECT_THAT(metrics, Not(HasSubstr("other")));
}

TEST_F(ServerTest, a_spent_limit_says_when_to_come_again) {
  start();
  app_ = party("app-us");
  adopt();
  deposit("a");
  deposit("b");
  Client client(port_, &app_);
  EXPECT_EQ(client.ask("GET /v1/flows/scarce/subjects/a").result_int(), 200u);
  const Response spent = client.ask("GET /v1/flows/scarce/subjects/b");
  EXPECT_EQ(spent.result_int(), 429u) << spent.body();
  EXPECT_GT(std::stoi(std::string(spent[http::field::retry_after])), 0);
}

TEST_F(ServerTest, a_batch_answers_line_by_line) {
  start();
  app_ = party("app-us");
  adopt();
  deposit("a");
  Client client(port_, &app_);
  const std::string type = "Content-Type: application/x-ndjson\r\n";
  const Response batch = client.ask("POST /v1/flows/account/batch", type, "\"a\"\n{\"subject\":\"nobody\"}\n17\n\"a\"");
  ASSERT_EQ(batch.result_int(), 200u) << batch.body();
  std::istringstream lines(batch.body());
  std::vector<std::string> got;
  for (std::string line; std::getline(lines, line);) got.push_back(line);
  ASSERT_EQ(got.size(), 4u) << batch.body();
  EXPECT_THAT(got[0], HasSubstr("ana@example.org"));
  EXPECT_THAT(got[1], HasSubstr("vault.subject.unknown"));
  EXPECT_THAT(got[2], HasSubstr(R"({"line":3,"error":{"status":400,"code":"batch.line")"));
  EXPECT_THAT(got[3], HasSubstr("\"receipt\":"));
  const Response refused = client.ask("POST /v1/flows/other/batch", type, "\"a\"\n\"b\"\n");
  EXPECT_EQ(refused.result_int(), 403u) << refused.body();
  EXPECT_EQ(client.ask("GET /healthz").result_int(), 200u);  // the connection goes on
}

TEST_F(ServerTest, an_import_comes_in_chunks_of_any_length) {
  start();
  app_ = party("app-us");
  adopt();
  Client client(port_, &app_);
  client.send(
      "POST /v1/collections/views/import HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
      "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().result_int(), 100u);
  std::string csv = "subject,event,video\n";
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) csv += "s" + std::to_string(i % 50) + "," + std::to_string(i) + ",v\n";
  for (std::size_t i = 0; i < csv.size(); i += 9999) {
    const std::string part = csv.substr(i, 9999);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    client.send(size + part + "\r\n");
  }
  client.send("0\r\n\r\n");
  const Response sum = client.receive();
  EXPECT_EQ(sum.result_int(), 200u);
  EXPECT_THAT(sum.body(), HasSubstr(R"("rows":20000,"accepted":20000,"unchanged":0,"rejected":0)"));
}

TEST_F(ServerTest, requests_in_one_packet_are_answered_in_order) {
  start();
  Client client(port_, nullptr);
  client.send(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /log/log.vkey "
      "HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive().result_int(), 200u);
  EXPECT_EQ(client.receive().result_int(), 404u);
  EXPECT_EQ(client.receive().result_int(), 200u);
}

TEST_F(ServerTest, what_could_be_read_two_ways_ends_the_connection) {
  start();
  for (const char* bad :
       {"GET /healthz HTTP/1.1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "nonsense\r\n\r\n"}) {
    Client client(port_, nullptr);
    client.send(bad);
    EXPECT_EQ(client.receive().result_int(), 400u) << bad;
    EXPECT_TRUE(client.is_closed()) << bad;
  }
  const std::string hidden = "GET /log/log.vkey HTTP/1.1\r\nHost: a\r\n\r\n";  // a body, not the next request
  Client client(port_, nullptr);
  EXPECT_EQ(client.ask("GET /healthz", "", hidden).body(), "alive\n");
  EXPECT_EQ(client.ask("GET /nothing").result_int(), 404u);
}

TEST_F(ServerTest, bounds_hold) {
  start();
  app_ = party("app-us");
  adopt();
  {
    Client client(port_, &app_);
    const std::string large(70 << 10, 'x');
    const Response response =
        client.ask("PUT /v1/collections/profile/subjects/a", "Content-Type: application/json\r\n", large);
    EXPECT_EQ(response.result_int(), 413u);
    EXPECT_TRUE(client.is_closed());
  }
  {
    Client client(port_, nullptr);
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
    EXPECT_EQ(client.receive().result_int(), 431u);
  }
  {
    Client client(port_, nullptr);
    client.send("GET /healthz HTT");
    const Response slow = client.receive();
    EXPECT_EQ(slow.result_int(), 408u);
    EXPECT_TRUE(client.is_closed());
  }
  Client client(port_, &app_);
  client.send(
      "PUT /v1/collections/profile/subjects/a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
      "9\r\n\r\n{");
  EXPECT_EQ(client.receive().result_int(), 408u);
}

TEST_F(ServerTest, a_full_house_lets_the_longest_waiting_go) {
  config_.threads = 1;
  config_.bounds.connections = 2;
  config_.bounds.idle = std::chrono::seconds(30);
  start();
  Client first(port_, nullptr), second(port_, nullptr);
  EXPECT_EQ(first.ask("GET /healthz").result_int(), 200u);
  EXPECT_EQ(second.ask("GET /healthz").result_int(), 200u);
  Client third(port_, nullptr);
  EXPECT_EQ(third.ask("GET /healthz").result_int(), 200u);
  EXPECT_EQ(third.ask("GET /healthz").result_int(), 200u);
}

TEST_F(ServerTest, certificates_decide) {
  config_.bounds.idle = std::chrono::seconds(30);
  start();
  adopt();
  for (const char* names : {"DNS:app-us", "URI:spiffe://elsewhere.org/party/app-us",
                            "URI:spiffe://example.org/party/app-us,URI:spiffe://example.org/party/oracle"}) {
    const TestCertificate odd = TestCertificate::make(names, &ca_);
    Client client(port_, &odd);
    const Response response = client.ask("GET /v1/status");
    EXPECT_EQ(response.result_int(), 401u) << names;
    EXPECT_THAT(response.body(), HasSubstr("caller.unknown"));
  }
  const TestCertificate other_ca = TestCertificate::make("", nullptr);
  const TestCertificate foreign = TestCertificate::make("URI:spiffe://example.org/party/oracle", &other_ca);
  EXPECT_THROW(Client(port_, &foreign).ask("GET /healthz"), std::exception);
}

TEST_F(ServerTest, a_certificate_that_ends_while_its_connection_is_open_is_refused) {
  config_.bounds.idle = std::chrono::seconds(30);
  start();
  adopt();
  const TestCertificate brief = TestCertificate::make("URI:spiffe://example.org/party/oracle", &ca_, 2);
  Client client(port_, &brief);
  Response response = client.ask("GET /v1/status");
  EXPECT_EQ(response.result_int(), 200u);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (response.result_int() == 200u && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    response = client.ask("GET /v1/status");
  }
  EXPECT_THAT(response.body(), HasSubstr("caller.certificate.expired"));
}

TEST_F(ServerTest, the_plain_port_has_the_evidence_only) {
  start();
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), *server_->ports().evidence});
  boost::beast::flat_buffer buffer;
  for (const auto& [path, status] : std::vector<std::pair<std::string, unsigned>>{
           {"/log/checkpoint", 200}, {"/v1/status", 404}, {"/metrics", 404}, {"/healthz", 404}}) {
    asio::write(socket, asio::buffer("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"));
    Response response;
    http::read(socket, buffer, response);
    EXPECT_EQ(response.result_int(), status) << path;
  }
}

TEST_F(ServerTest, a_stop_ends_what_waits_at_once) {
  config_.bounds.idle = std::chrono::seconds(60);
  start();
  Client client(port_, nullptr);
  EXPECT_EQ(client.ask("GET /healthz").result_int(), 200u);
  const auto start_of_stop = std::chrono::steady_clock::now();
  std::thread closer([&] { EXPECT_TRUE(client.is_closed()); });
  stop();
  closer.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start_of_stop, std::chrono::seconds(5));
}

TEST_F(ServerTest, a_reload_takes_the_new_certificate_or_keeps_the_old) {
  start();
  HF_ASSERT(write_file(directory_ + "/server.pem", "nonsense"));
  EXPECT_EQ(server_->reload().error().slug, "tls.certificate");
  EXPECT_EQ(Client(port_, nullptr).ask("GET /healthz").result_int(), 200u);
  TestCertificate::make("DNS:localhost", &ca_).save(directory_ + "/server");
  EXPECT_TRUE(server_->reload());
  EXPECT_EQ(Client(port_, nullptr).ask("GET /healthz").result_int(), 200u);
  ::chmod((directory_ + "/server.key").c_str(), 0644);
  EXPECT_EQ(server_->reload().error().slug, "key.file.wide");
}

TEST_F(ServerTest, a_taken_port_is_said_so) {
  start();
  config_.listen.port = port_;
  const auto second = Server::create(config_, *trustee_, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().slug, "server.listen");
}

}  // namespace
}  // namespace holdfast::server
