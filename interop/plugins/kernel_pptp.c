/*
 * A pppd plugin: a PPTP client (a PNS in RFC 2637) whose data path is the Linux kernel's, a socket
 * of the family PF_PPPOX with the protocol PX_PROTO_PPTP.
 *
 * The kernel drops packets that arrive late, never acknowledges without sending data, and numbers
 * its packets from 1. This plugin does no more on the control connection than to place one call
 * and to clear it: it answers no Echo-Request, so a session must be shorter than the server's
 * patience with a silent peer (60 s and more).
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <linux/if_pppox.h>
#include <pppd/pppd.h>
#include <pppd/fsm.h>
#include <pppd/lcp.h>

char pppd_version[] = VERSION;

enum { SCCRQ = 1, SCCRP = 2, STOP_CCRQ = 3, OCRQ = 7, OCRP = 8, CALL_CLEAR_REQUEST = 12 };

/* RFC 2637 §2: the header that all control messages begin with. */
struct header {
	uint16_t length, message_type;
	uint32_t magic_cookie;
	uint16_t control_type, reserved;
} __attribute__((packed));

/* §2.1 and §2.2 */
struct start {
	struct header header;
	uint16_t version;
	uint8_t result, error;
	uint32_t framing, bearer;
	uint16_t channels, firmware;
	char host[64], vendor[64];
} __attribute__((packed));

/* §2.7 */
struct call_request {
	struct header header;
	uint16_t call_id, serial;
	uint32_t minimum_bps, maximum_bps, bearer, framing;
	uint16_t window, delay, phone_length, reserved;
	char phone[64], subaddress[64];
} __attribute__((packed));

/* §2.8 */
struct call_reply {
	struct header header;
	uint16_t call_id, peer_call_id;
	uint8_t result, error;
	uint16_t cause;
	uint32_t speed;
	uint16_t window, delay;
	uint32_t channel;
} __attribute__((packed));

/* §2.3 and §2.12, which are of one size. */
struct farewell {
	struct header header;
	uint16_t call_id_or_reason, reserved;
} __attribute__((packed));

union tunnel_address {
	struct sockaddr any;
	struct sockaddr_pppox pptp;
};

static char *server_name;
static int control = -1;
static int tunnel = -1;
static uint16_t call_id;

static option_t options[] = {
	{ .name = "pptp-server", .type = o_string, .addr = &server_name,
	  .description = "IPv4 address of the PPTP server" },
	{ .name = NULL },
};

static int send_message(void *message, size_t size, int type)
{
	struct header *header = message;

	header->length = htons(size);
	header->message_type = htons(1);
	header->magic_cookie = htonl(0x1a2b3c4d);
	header->control_type = htons(type);
	return write(control, message, size) == (ssize_t)size;
}

static int receive_message(void *message, size_t size, int type)
{
	struct header *header = message;

	return recv(control, message, size, MSG_WAITALL) == (ssize_t)size &&
	       header->control_type == htons(type);
}

/* Opens the control connection; the address of this end is left in *local. */
static int open_control_connection(struct sockaddr_in *server, struct sockaddr_in *local)
{
	socklen_t length = sizeof *local;
	struct start start = { .version = htons(0x0100), .framing = htonl(3), .bearer = htonl(3),
			       .host = "pppd", .vendor = "Linux" };

	control = socket(AF_INET, SOCK_STREAM, 0);
	return connect(control, (struct sockaddr *)server, sizeof *server) == 0 &&
	       getsockname(control, (struct sockaddr *)local, &length) == 0 &&
	       send_message(&start, sizeof start, SCCRQ) &&
	       receive_message(&start, sizeof start, SCCRP) && start.result == 1;
}

/* Binds the tunnel's socket, for which the kernel chooses the Call ID of this end. */
static int bind_tunnel(struct in_addr local)
{
	union tunnel_address address = {
		.pptp = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_PPTP },
	};
	socklen_t length = sizeof address;

	address.pptp.sa_addr.pptp.sin_addr = local;
	tunnel = socket(AF_PPPOX, SOCK_STREAM, PX_PROTO_PPTP);
	if (bind(tunnel, &address.any, sizeof address) != 0 ||
	    getsockname(tunnel, &address.any, &length) != 0)
		return 0;
	call_id = address.pptp.sa_addr.pptp.call_id;
	return 1;
}

static int place_call(uint16_t *peer_call_id)
{
	struct call_request request = { .call_id = htons(call_id), .serial = htons(1),
					.minimum_bps = htonl(2400), .maximum_bps = htonl(10000000),
					.bearer = htonl(3), .framing = htonl(3),
					.window = htons(64) };
	struct call_reply reply;

	if (!send_message(&request, sizeof request, OCRQ) ||
	    !receive_message(&reply, sizeof reply, OCRP) || reply.result != 1 ||
	    reply.peer_call_id != htons(call_id))
		return 0;
	*peer_call_id = ntohs(reply.call_id);
	return 1;
}

static int connect_tunnel(struct in_addr server, uint16_t peer_call_id)
{
	union tunnel_address address = {
		.pptp = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_PPTP },
	};

	address.pptp.sa_addr.pptp.sin_addr = server;
	address.pptp.sa_addr.pptp.call_id = peer_call_id;
	return connect(tunnel, &address.any, sizeof address) == 0;
}

static int channel_connect(void)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(1723) }, local;
	uint16_t peer_call_id;

	if (server_name == NULL || inet_aton(server_name, &server.sin_addr) == 0)
		fatal("pptp-server wants an IPv4 address");
	strlcpy(ppp_devnam, server_name, sizeof ppp_devnam);
	if (!open_control_connection(&server, &local)) {
		error("no control connection to %s: %m", server_name);
		return -1;
	}
	if (!bind_tunnel(local.sin_addr) || !place_call(&peer_call_id) ||
	    !connect_tunnel(server.sin_addr, peer_call_id)) {
		error("no call to %s: %m", server_name);
		return -1;
	}
	info("Call ID %d, peer's %d", call_id, peer_call_id);
	return tunnel;
}

/* Clears the call, stops the control connection, and waits until the server has closed it. */
static void channel_disconnect(void)
{
	struct farewell clear = { .call_id_or_reason = htons(call_id) };
	struct farewell stop = { .call_id_or_reason = htons(1 << 8) };
	struct timeval patience = { .tv_sec = 5 };
	char rest[256];

	send_message(&clear, sizeof clear, CALL_CLEAR_REQUEST);
	send_message(&stop, sizeof stop, STOP_CCRQ);
	setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	while (read(control, rest, sizeof rest) > 0)
		;
	close(control);
	close(tunnel);
}

static void channel_close(void)
{
	close(control);
	close(tunnel);
}

/* The kernel needs to know none of the link's parameters: nothing is escaped or framed. */
static void ignore_config(int mtu, u_int32_t asyncmap, int pcomp, int accomp)
{
	(void)mtu, (void)asyncmap, (void)pcomp, (void)accomp;
}

static struct channel channel = {
	.options = options,
	.connect = channel_connect,
	.disconnect = channel_disconnect,
	.establish_ppp = generic_establish_ppp,
	.disestablish_ppp = generic_disestablish_ppp,
	.send_config = ignore_config,
	.recv_config = ignore_config,
	.close = channel_close,
};

void plugin_init(void)
{
	add_options(options);
	the_channel = &channel;
	modem = 0;
	/* Enhanced GRE carries whole frames, so there is no byte to escape. */
	lcp_wantoptions[0].neg_asyncmap = 0;
	lcp_allowoptions[0].neg_asyncmap = 0;
}
