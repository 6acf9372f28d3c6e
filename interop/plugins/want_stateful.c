/*
 * A pppd plugin that makes pppd ask for stateful MPPE.
 *
 * pppd's own option `mppe-stateful` only lets the peer ask for it, so what pppd receives is always
 * stateless. With this plugin both directions of a session between two pppd, or of one with a pppd
 * and Adit, are stateful.
 */
#include <stddef.h>
#include <sys/types.h>
#include <pppd/pppd.h>
#include <pppd/fsm.h>
#include <pppd/ccp.h>
#include <pppd/mppe.h>

char pppd_version[] = VERSION;

/* The options on the command line set the whole field, so it is changed after they are read. */
static void ask_for_stateful(void *unused, int phase)
{
	(void)unused;
	if (phase == PHASE_ESTABLISH)
		ccp_wantoptions[0].mppe |= MPPE_OPT_STATEFUL;
}

void plugin_init(void)
{
	add_notifier(&phasechange, ask_for_stateful, NULL);
}
