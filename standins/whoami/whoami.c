/* Answers every request with what it was: the host's name and addresses, the peer, the request as it arrived.
 * One thread per connection. HTTP/1.0 and 1.1 with keep-alive and pipelining, no TLS, no websocket. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_HEAD = 64 << 10, MAX_BODY = 8 << 20, MAX_HEADERS = 200, MAX_CONNECTIONS = 1000, IDLE_SECONDS = 600 };

static const char *name = "";
static bool verbose;
static atomic_int health = 200;
static sem_t slots;

struct text { char *at; size_t length; };
struct header { struct text name, value; };

struct connection {
    int socket;
    char peer[INET6_ADDRSTRLEN + 10];
    char *data;               /* received and not yet used */
    size_t length, capacity;
};

struct request {
    struct text method, target, host, version;
    struct header headers[MAX_HEADERS];
    int count;
    struct text body;         /* a chunked body stays in chunks */
    bool chunked, close;
};

/* ---- texts */

static bool same(struct text a, const char *b) { return a.length == strlen(b) && !strncasecmp(a.at, b, a.length); }

static struct text trim(struct text t) {
    while (t.length && (*t.at == ' ' || *t.at == '\t')) t.at++, t.length--;
    while (t.length && strchr(" \t\r", t.at[t.length - 1])) t.length--;
    return t;
}

static bool is_token(struct text t) {
    for (size_t i = 0; i < t.length; i++) {
        unsigned char c = t.at[i];
        if (c <= ' ' || c >= 127 || strchr("()<>@,;:\\\"/[]?={}", c)) return false;
    }
    return t.length > 0;
}

static bool has_control(struct text t) {
    for (size_t i = 0; i < t.length; i++)
        if (((unsigned char)t.at[i] < ' ' && t.at[i] != '\t') || t.at[i] == 127) return true;
    return false;
}

static struct header *find(struct request *r, const char *wanted) {
    for (int i = 0; i < r->count; i++)
        if (same(r->headers[i].name, wanted)) return &r->headers[i];
    return NULL;
}

static bool lists(struct request *r, const char *header, const char *word) {
    for (int i = 0; i < r->count; i++) {
        if (!same(r->headers[i].name, header)) continue;
        struct text rest = r->headers[i].value;
        while (rest.length) {
            char *comma = memchr(rest.at, ',', rest.length);
            struct text item = {rest.at, comma ? (size_t)(comma - rest.at) : rest.length};
            if (same(trim(item), word)) return true;
            size_t used = item.length + (comma ? 1 : 0);
            rest.at += used, rest.length -= used;
        }
    }
    return false;
}

static bool query(struct text target, const char *key, struct text *value) {
    char *mark = memchr(target.at, '?', target.length);
    if (!mark) return false;
    struct text rest = {mark + 1, target.length - (mark + 1 - target.at)};
    while (rest.length) {
        char *and = memchr(rest.at, '&', rest.length);
        struct text pair = {rest.at, and ? (size_t)(and - rest.at) : rest.length};
        size_t k = strlen(key);
        if (pair.length > k && pair.at[k] == '=' && !memcmp(pair.at, key, k)) {
            *value = (struct text){pair.at + k + 1, pair.length - k - 1};
            return true;
        }
        size_t used = pair.length + (and ? 1 : 0);
        rest.at += used, rest.length -= used;
    }
    return false;
}

static bool is_true(struct text t) { return same(t, "1") || same(t, "t") || same(t, "true"); }

/* ---- receiving */

static bool receive(struct connection *c) {
    if (c->length == c->capacity) {
        size_t grown = c->capacity ? c->capacity * 2 : 4096;
        char *more = realloc(c->data, grown);
        if (!more) return false;
        c->data = more, c->capacity = grown;
    }
    ssize_t n;
    do n = recv(c->socket, c->data + c->length, c->capacity - c->length, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0) return false;
    c->length += n;
    return true;
}

static bool send_all(int socket, const char *data, size_t length) {
    while (length) {
        ssize_t n = send(socket, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n, length -= n;
    }
    return true;
}

/* Length of the head with its empty line; 0: more is needed. Lines may end without a carriage return. */
static size_t head_length(const char *data, size_t length) {
    for (size_t i = 0; i + 1 < length; i++) {
        if (data[i] != '\n') continue;
        if (data[i + 1] == '\n') return i + 2;
        if (i + 2 < length && data[i + 1] == '\r' && data[i + 2] == '\n') return i + 3;
    }
    return 0;
}

/* Length of a chunked body with its trailer; 0: more is needed; -1: not chunks. */
static ssize_t chunked_length(const char *data, size_t length) {
    size_t at = 0;
    for (;;) {
        const char *end = memchr(data + at, '\n', length - at);
        if (!end) return length - at > 1024 ? -1 : 0;
        size_t size = 0, digits = 0;
        for (const char *p = data + at; p < end && strchr("0123456789abcdefABCDEF", *p) && *p; p++, digits++) {
            size = size * 16 + (*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
            if (size > MAX_BODY) return -1;
        }
        if (!digits) return -1;
        at = end + 1 - data;
        if (!size) break;
        if (length < at + size + 2) return 0;
        if (data[at + size] != '\r' || data[at + size + 1] != '\n') return -1;
        at += size + 2;
    }
    for (;;) {
        const char *end = memchr(data + at, '\n', length - at);
        if (!end) return length - at > MAX_HEAD ? -1 : 0;
        bool empty = end == data + at || (end == data + at + 1 && data[at] == '\r');
        at = end + 1 - data;
        if (empty) return at;
    }
}

/* 0, or the status to refuse with. */
static int parse_head(struct request *r, char *head, size_t length) {
    memset(r, 0, sizeof *r);
    char *end = head + length, *line = head, *next = memchr(line, '\n', length);
    struct text first = trim((struct text){line, next - line});
    char *space = memchr(first.at, ' ', first.length), *last = memrchr(first.at, ' ', first.length);
    if (!space || space == last) return 400;
    r->method = (struct text){first.at, space - first.at};
    r->target = (struct text){space + 1, last - space - 1};
    r->version = (struct text){last + 1, first.at + first.length - last - 1};
    if (!is_token(r->method) || has_control(r->target) || !r->target.length || memchr(r->target.at, ' ', r->target.length)) return 400;
    if (r->version.length != 8 || memcmp(r->version.at, "HTTP/", 5)) return 400;
    bool old = same(r->version, "HTTP/1.0");
    if (!old && !same(r->version, "HTTP/1.1")) return 505;

    int hosts = 0;
    for (line = next + 1; line < end; line = next + 1) {
        next = memchr(line, '\n', end - line);
        struct text whole = {line, next - line};
        if (!trim(whole).length) break;
        char *colon = memchr(line, ':', whole.length);
        if (!colon) return 400;
        struct header h = {{line, colon - line}, trim((struct text){colon + 1, next - colon - 1})};
        if (!is_token(h.name) || has_control(h.value)) return 400;
        if (r->count == MAX_HEADERS) return 431;
        if (same(h.name, "host")) hosts++, r->host = h.value;
        r->headers[r->count++] = h;
    }
    if (hosts > 1 || (!hosts && !old)) return 400;

    if (r->target.at[0] != '/' && !same(r->target, "*")) {
        char *authority = memmem(r->target.at, r->target.length, "://", 3);
        if (!authority) return 400;
        authority += 3;
        size_t rest = r->target.at + r->target.length - authority;
        char *path = memchr(authority, '/', rest);
        r->host = (struct text){authority, path ? (size_t)(path - authority) : rest};
        r->target = path ? (struct text){path, rest - r->host.length} : (struct text){"/", 1};
    }
    r->close = lists(r, "connection", "close") || (old && !lists(r, "connection", "keep-alive"));
    return 0;
}

/* Length of the body as it comes, -1 for chunks; below that minus the status to refuse with. */
static ssize_t body_length(struct request *r) {
    struct header *length = find(r, "content-length"), *coding = find(r, "transfer-encoding");
    if (coding) {
        if (length) return -400;
        return same(coding->value, "chunked") ? -1 : -501;
    }
    if (!length) return 0;
    size_t size = 0;
    if (!length->value.length) return -400;
    for (size_t i = 0; i < length->value.length; i++) {
        char c = length->value.at[i];
        if (c < '0' || c > '9') return -400;
        size = size * 10 + (c - '0');
        if (size > MAX_BODY) return -413;
    }
    for (int i = 0; i < r->count; i++)
        if (same(r->headers[i].name, "content-length") && r->headers[i].value.length != length->value.length) return -400;
    return size;
}

/* ---- answers */

static const char *reason(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 413: return "Request Entity Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "status";
    }
}

static bool answer(struct connection *c, struct request *r, int status, const char *type, const char *body, size_t length) {
    char date[64], head[512];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
    bool bodyless = status == 204 || status == 304;
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason(status), date);
    if (!bodyless) n += snprintf(head + n, sizeof head - n, "Content-Length: %zu\r\n", length);
    if (length) n += snprintf(head + n, sizeof head - n, "Content-Type: %s\r\n", type);
    if (!r || r->close) n += snprintf(head + n, sizeof head - n, "Connection: close\r\n");
    else if (same(r->version, "HTTP/1.0")) n += snprintf(head + n, sizeof head - n, "Connection: keep-alive\r\n");
    n += snprintf(head + n, sizeof head - n, "\r\n");
    if (bodyless || (r && same(r->method, "HEAD"))) length = 0;
    /* One segment for small answers: a head of its own would wait for the peer's delayed acknowledgement. */
    char together[2048];
    if (n + length <= sizeof together) {
        memcpy(together, head, n);
        if (length) memcpy(together + n, body, length);
        return send_all(c->socket, together, n + length);
    }
    return send_all(c->socket, head, n) && send_all(c->socket, body, length);
}

static void refuse(struct connection *c, int status) {
    char body[64];
    int n = snprintf(body, sizeof body, "%d %s\n", status, reason(status));
    answer(c, NULL, status, "text/plain; charset=utf-8", body, n);
}

static void put(FILE *out, struct text t) { if (t.length) fwrite(t.at, 1, t.length, out); }

/* Names are shown in their canonical form: X-Forwarded-For. */
static void put_name(FILE *out, struct text t) {
    bool start = true;
    for (size_t i = 0; i < t.length; i++) {
        char ch = t.at[i];
        if (start && ch >= 'a' && ch <= 'z') ch -= 32;
        else if (!start && ch >= 'A' && ch <= 'Z') ch += 32;
        fputc(ch, out);
        start = ch == '-';
    }
}

static int by_name(const void *a, const void *b) {
    const struct header *x = a, *y = b;
    size_t shorter = x->name.length < y->name.length ? x->name.length : y->name.length;
    int order = strncasecmp(x->name.at, y->name.at, shorter);
    if (order) return order;
    if (x->name.length != y->name.length) return x->name.length < y->name.length ? -1 : 1;
    return x->name.at < y->name.at ? -1 : 1;  /* as they came */
}

static void tell_addresses(FILE *out) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all)) return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        char shown[INET6_ADDRSTRLEN];
        if (!i->ifa_addr) continue;
        int family = i->ifa_addr->sa_family;
        const void *address = family == AF_INET ? (void *)&((struct sockaddr_in *)i->ifa_addr)->sin_addr
                                                : (void *)&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;
        if ((family == AF_INET || family == AF_INET6) && inet_ntop(family, address, shown, sizeof shown)) fprintf(out, "IP: %s\n", shown);
    }
    freeifaddrs(all);
}

static bool shown_apart(struct text header) {
    return same(header, "host") || same(header, "user-agent") || same(header, "content-length") || same(header, "transfer-encoding");
}

static void tell(FILE *out, struct connection *c, struct request *r) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    if (*name) fprintf(out, "Name: %s\n", name);
    fprintf(out, "Hostname: %s\n", host);
    tell_addresses(out);
    fprintf(out, "RemoteAddr: %s\n", c->peer);

    struct header *agent = find(r, "user-agent");
    put(out, r->method), fputc(' ', out), put(out, r->target), fputs(" HTTP/1.1\r\nHost: ", out), put(out, r->host);
    fputs("\r\nUser-Agent: ", out);
    if (agent) put(out, agent->value);
    else fputs("Go-http-client/1.1", out);
    fputs("\r\n", out);
    if (r->chunked) fputs("Transfer-Encoding: chunked\r\n", out);
    else if (r->body.length) fprintf(out, "Content-Length: %zu\r\n", r->body.length);
    for (int i = 0; i < r->count; i++) {
        if (shown_apart(r->headers[i].name)) continue;
        put_name(out, r->headers[i].name), fputs(": ", out), put(out, r->headers[i].value), fputs("\r\n", out);
    }
    fputs("\r\n", out);
    put(out, r->body);

    struct text wish;
    if (query(r->target, "env", &wish) && is_true(wish))
        for (char **e = environ; *e; e++) fprintf(out, "%s\n", *e);
}

/* "250ms", "1.5s", "2m": at most ten minutes. */
static void wait_for(struct text wish) {
    char shown[32], *unit;
    snprintf(shown, sizeof shown, "%.*s", (int)wish.length, wish.at);
    double seconds = strtod(shown, &unit);
    seconds *= !strcmp(unit, "ms") ? 0.001 : !strcmp(unit, "s") ? 1 : !strcmp(unit, "m") ? 60 : 0;
    if (!(seconds > 0)) return;
    if (seconds > 600) seconds = 600;
    struct timespec pause = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

static bool is_path(struct text target, const char *path) {
    char *mark = memchr(target.at, '?', target.length);
    size_t length = mark ? (size_t)(mark - target.at) : target.length;
    return length == strlen(path) && !memcmp(target.at, path, length);
}

static bool respond(struct connection *c, struct request *r) {
    if (is_path(r->target, "/health")) {
        if (!same(r->method, "POST")) return answer(c, r, health, "", "", 0);
        char shown[16], *end;
        snprintf(shown, sizeof shown, "%.*s", (int)r->body.length, r->body.at ? r->body.at : "");
        long status = strtol(shown, &end, 10);
        if (end == shown || status < 200 || status > 599) return answer(c, r, 400, "text/plain", "not a status\n", 13);
        health = status;
        return answer(c, r, 200, "", "", 0);
    }
    static const char *absent[] = {"/api", "/bench", "/data", "/echo"}, sorry[] = "not in this stand-in\n";
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (is_path(r->target, absent[i])) return answer(c, r, 501, "text/plain", sorry, sizeof sorry - 1);

    struct text wish;
    if (query(r->target, "wait", &wish)) wait_for(wish);
    char *body = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&body, &length);
    if (!out) return false;
    qsort(r->headers, r->count, sizeof *r->headers, by_name);
    tell(out, c, r);
    fclose(out);
    bool sent = answer(c, r, 200, "text/plain; charset=utf-8", body, length);
    free(body);
    return sent;
}

static void log_request(struct connection *c, struct request *r) {
    char date[64];
    time_t now = time(NULL);
    struct tm local;
    strftime(date, sizeof date, "%d/%b/%Y:%H:%M:%S %z", localtime_r(&now, &local));
    fprintf(stderr, "%s - - [%s] \"%.*s %.*s %.*s\" - -\n", c->peer, date, (int)r->method.length, r->method.at,
            (int)r->target.length, r->target.at, (int)r->version.length, r->version.at);
}

static bool one_request(struct connection *c) {
    size_t head, skipped = 0;
    /* Empty lines before a request are allowed, but not a stream of them. */
    while (!(head = head_length(c->data, c->length)) || head <= 2) {
        if (c->length >= 2 && !memcmp(c->data, "\r\n", 2) && skipped++ < 4) {
            memmove(c->data, c->data + 2, c->length -= 2);
            continue;
        }
        if (head || c->length > MAX_HEAD) return refuse(c, head ? 400 : 431), false;
        if (!receive(c)) return false;
    }
    struct request r;
    int status = parse_head(&r, c->data, head);
    if (status) return refuse(c, status), false;
    ssize_t body = body_length(&r);
    if (body < -1) return refuse(c, -body), false;

    bool expected = lists(&r, "expect", "100-continue") && same(r.version, "HTTP/1.1");
    if (expected && body && !send_all(c->socket, "HTTP/1.1 100 Continue\r\n\r\n", 25)) return false;
    r.chunked = body < 0;
    size_t used = head;
    for (;;) {
        ssize_t there = r.chunked ? chunked_length(c->data + head, c->length - head) : 0;
        if (there < 0) return refuse(c, 400), false;
        if (r.chunked && there) { used += there; break; }
        if (!r.chunked && c->length >= head + body) { used += body; break; }
        if (c->length > head + 2 * (size_t)MAX_BODY) return refuse(c, 413), false;
        if (!receive(c)) return false;
    }
    /* What was parsed points into the buffer, which may have moved since. */
    parse_head(&r, c->data, head);
    r.chunked = body < 0;
    r.body = (struct text){c->data + head, used - head};
    bool sent = respond(c, &r), again = sent && !r.close;
    if (verbose) log_request(c, &r);
    memmove(c->data, c->data + used, c->length -= used);
    return again;
}

static void *serve(void *given) {
    struct connection *c = given;
    while (one_request(c)) {}
    /* Closing with unread data would reset the connection, and the peer could lose the answer. */
    shutdown(c->socket, SHUT_WR);
    struct timeval soon = {1, 0};
    setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    char rest[4096];
    for (int i = 0; i < 64 && recv(c->socket, rest, sizeof rest, 0) > 0; i++) {}
    close(c->socket);
    free(c->data);
    free(c);
    sem_post(&slots);
    return NULL;
}

static void name_peer(struct connection *c, struct sockaddr_in6 *from) {
    char shown[INET6_ADDRSTRLEN];
    if (from->sin6_family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)from;
        inet_ntop(AF_INET, &four->sin_addr, shown, sizeof shown);
        snprintf(c->peer, sizeof c->peer, "%s:%d", shown, ntohs(four->sin_port));
    } else if (IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)) {
        inet_ntop(AF_INET, &from->sin6_addr.s6_addr[12], shown, sizeof shown);
        snprintf(c->peer, sizeof c->peer, "%s:%d", shown, ntohs(from->sin6_port));
    } else {
        inet_ntop(AF_INET6, &from->sin6_addr, shown, sizeof shown);
        snprintf(c->peer, sizeof c->peer, "[%s]:%d", shown, ntohs(from->sin6_port));
    }
}

static int listen_on(int port) {
    int yes = 1, no = 0, s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (s >= 0) {
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
        if (!bind(s, (struct sockaddr *)&six, sizeof six) && !listen(s, 512)) return s;
        close(s);
    }
    s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (s >= 0 && !bind(s, (struct sockaddr *)&four, sizeof four) && !listen(s, 512)) return s;
    return -1;
}

/* As process 1 nothing stops this program unless it stops itself. */
static void stop(int signal) { (void)signal; _exit(2); }

static void usage(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    vfprintf(stderr, format, rest);
    fputs("\nwhoami [--port NUMBER] [--name NAME] [--verbose]\n", stderr);
    exit(2);
}

int main(int count, char **words) {
    const char *wanted_port = getenv("WHOAMI_PORT_NUMBER"), *wanted_name = getenv("WHOAMI_NAME");
    if (!wanted_port || !*wanted_port) wanted_port = "80";
    if (wanted_name) name = wanted_name;
    for (int i = 1; i < count; i++) {
        char *word = words[i], *equals;
        if (*word != '-') usage("not an option: %s", word);
        word += word[1] == '-' ? 2 : 1;
        if (!strcmp(word, "verbose") || !strcmp(word, "verbose=true")) { verbose = true; continue; }
        equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word) : strlen(word);
        const char **target = length == 4 && !memcmp(word, "port", 4)   ? &wanted_port
                              : length == 4 && !memcmp(word, "name", 4) ? &name
                                                                        : NULL;
        if (!target) usage("this stand-in does not know %s", words[i]);
        if (!equals && i + 1 == count) usage("%s needs a value", words[i]);
        *target = equals ? equals + 1 : words[++i];
    }
    char *end;
    long port = strtol(wanted_port, &end, 10);
    if (*end || port < 1 || port > 65535) usage("not a port: %s", wanted_port);

    struct sigaction on_stop = {.sa_handler = stop};
    sigaction(SIGTERM, &on_stop, NULL);
    sigaction(SIGINT, &on_stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(port);
    if (listener < 0) return fprintf(stderr, "cannot listen on port %ld: %s\n", port, strerror(errno)), 1;
    fprintf(stderr, "Starting up on port %ld\n", port);

    sem_init(&slots, 0, MAX_CONNECTIONS);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&small, 256 << 10);
    for (;;) {
        struct sockaddr_in6 from;
        socklen_t size = sizeof from;
        while (sem_wait(&slots)) {}
        int socket = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
        struct connection *c = socket < 0 ? NULL : calloc(1, sizeof *c);
        pthread_t thread;
        if (c) {
            int yes = 1;
            struct timeval idle = {IDLE_SECONDS, 0};
            setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
            setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
            c->socket = socket;
            name_peer(c, &from);
            if (!pthread_create(&thread, &small, serve, c)) continue;
        }
        /* Out of memory, threads or descriptors: let go of this one and breathe. */
        if (socket >= 0) close(socket);
        free(c);
        sem_post(&slots);
        struct timespec breath = {0, 10000000};
        nanosleep(&breath, NULL);
    }
}
