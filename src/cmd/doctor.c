/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c — `nightjar doctor`: why does a connection fail? The files first, since they need no
 * broker; then the connection, step by step, as a client would make it. */
#include "cmd/doctor.h"

#include "base/mdoc.h"
#include "cmd/cmd.h"

#include <string.h>

void
nj_doctor_print_options(FILE *out)
{
    nj_client_print_options(out, NJ_TOOL_DOCTOR);
}

void
nj_doctor_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-doctor", 1);
    (void)fputs(
        ".Nm nightjar-doctor\n.Nd find why a connection fails, and what mends it\n"
        ".Sh SYNOPSIS\n.Nm nightjar doctor\n.Op Ar option ...\n"
        ".Op Ar host Ns Oo : Ns Ar port Oc | Ar url\n.Nm nightjar doctor\n.Op Ar option ...\n"
        ".Fl -config Ar file\n.Op Fl -files\n.Sh DESCRIPTION\n"
        "Judges the files that a client was given, then connects as that client would:\n"
        "name, connection, handshake, login, subscription, message.\n"
        "Its options are those of\n.Xr nightjar-pub 1\n"
        "that decide whether a connection works, and mean the same.\n"
        "For each failure it says what was tried, what came back, why,\n"
        "and the command that mends it.\n"
        "A cause that is only probable is called so.\n"
        ".Pp\nWith\n.Fl -config\n"
        "it judges a broker's configuration, listener by listener,\n"
        "and says for certain why that broker refuses the client's certificate;\n"
        "with\n.Fl -files\nit connects nowhere.\n"
        ".Pp\nIt waits ten seconds for each answer, or as long as\n.Fl W\nsays:\n"
        "for each address of the name, for each handshake, for CONNACK, SUBACK, the message.\n"
        "How long the look-up of a name takes, the resolver decides\n.Pq Xr resolv.conf 5 .\n"
        "Without\n.Fl t\nit uses a topic of its own,\n.Pa nightjar/doctor/ Ns Ar pid ;\n"
        "that it is not allowed is a warning, a topic of\n.Fl t\na fault.\n.Sh OPTIONS\n",
        out);
    nj_client_print_manual_rows(out, NJ_TOOL_DOCTOR, false);
    (void)fputs(
        ".Sh CLOCKS\n"
        "A wrong clock makes good certificates bad.\n"
        "That of this machine is behind where this program, a file that was given,\n"
        "or a certificate that is shown was made later than it says;\n"
        "that it is ahead cannot be proved from here, and is said to be possible where something\n"
        "has expired and no service keeps the clock.\n"
        "What time the broker has, neither MQTT nor TLS says.\n"
        "Only where the broker refuses the client's certificate for its dates, which are good by\n"
        "this clock, is it known that the two clocks differ, or that a CA or a list of the "
        "broker's\n"
        "is over.\n"
        ".Sh JSON\nAn object:\n.Bl -tag -width Ds\n"
        ".It Li steps\na list of what was done, in its order:\n"
        ".Li step ,\na stable word;\n.Li result :\n"
        ".Li good , failed\nor\n.Li skipped ;\n"
        ".Li tried\nand\n.Li came ,\ntexts; and\n.Li findings .\n"
        ".It Li findings\na list of what was found in this step:\n.Li name ,\na stable word;\n"
        ".Li severity :\n.Li note , warning\nor\n.Li fault ;\n"
        ".Li is_guess :\nthe cause is only probable;\n.Li end :\n"
        ".Li client\nor\n.Li broker ,\nwhose mistake it is;\n"
        ".Li cause ,\na sentence;\n.Li mend ,\ncommands or advice, one a line;\n"
        "and where it is about one,\n.Li file\nor\n.Li certificate\n"
        ".Pq Li depth , subject , issuer , serial , names , not_before , not_after .\n"
        ".It Li faults , warnings\nhow many there are, guesses apart\n"
        ".It Li is_cut\nthere was more than there is room for\n.El\n"
        ".Sh FILES\n.Pa $XDG_CONFIG_HOME/nightjar-doctor ,\nor\n"
        ".Pa ~/.config/nightjar-doctor ,\nholds options, as the file of\n"
        ".Xr nightjar-pub 1 ;\n.Fl o\nnames another, pub's say.\n"
        ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
        ".It Ev NIGHTJAR_PASSWORD\nthe password, where\n.Fl u\nis given and\n.Fl P\nis not\n"
        ".It Ev NIGHTJAR_KEY_PASSWORD\nthe password of an encrypted\n.Fl -key\n.El\n"
        ".Sh EXIT STATUS\n0 no fault; 1 a fault was found; 2 it could not run.\n"
        ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        "nightjar doctor broker.example:8883 --cafile ca.crt\n"
        "nightjar doctor 192.168.56.101 -u sensor1 --json\n"
        "nightjar doctor --config /etc/mosquitto/mosquitto.conf --files\n"
        ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar-pki 1 ,\n.Xr nightjar.conf 5\n",
        out);
}

struct nj_judge_end
nj_doctor_client(const struct nj_client_config *asked)
{
    const struct nj_client_tls tls = nj_client_config_tls(asked);
    bool in_engine = tls.keyform != NULL && strcmp(tls.keyform, "engine") == 0;

    return (struct nj_judge_end){
        .certfile = tls.cert,
        .keyfile = in_engine ? NULL : tls.key,
        .key_in_engine = in_engine,
        .cafile = tls.cafile,
        .capath = tls.capath,
        .use_os_certs = tls.use_os_certs,
        .passphrase = tls.password,
        .passphrase_ctx = tls.password_ctx,
        .passed_s = nj_doctor_built_at(),
    };
}

static void
check_version(struct nj_report *report, const char *version)
{
    struct nj_finding *f;

    if (version == NULL || strcmp(version, "tlsv1.2") == 0 || strcmp(version, "tlsv1.3") == 0)
        return;
    f = nj_findings_add(&report->findings, NJ_FINDING_NO_VERSION, NJ_END_CLIENT);
    if (f == NULL)
        return;
    nj_finding_cause(f, "--tls-version %s: the client speaks TLS 1.2 and 1.3 only", version);
    nj_finding_mend(f, "--tls-version tlsv1.2");
}

static void
examine_client(struct nj_report *report, const struct nj_client_config *asked)
{
    const struct nj_judge_end client = nj_doctor_client(asked);

    if (client.cafile == NULL && client.capath == NULL && client.certfile == NULL &&
        client.keyfile == NULL && asked->tls_version == NULL)
        return;
    (void)nj_report_step(report, "files", "what the client was given");
    check_version(report, asked->tls_version);
    nj_judge_files(&report->findings, NULL, &client, asked->host);
}

/* False: it could not. */
static bool
examine(struct nj_report *report, const struct nj_client_config *asked)
{
    bool has_config = asked->broker_config != NULL;

    nj_doctor_check_clock(report, asked);
    if (has_config && !nj_doctor_examine_broker(report, asked))
        return false;
    if (!has_config || !asked->is_offline)
        examine_client(report, asked);
    if (!asked->is_offline && (asked->host != NULL || asked->unix_path != NULL || !has_config) &&
        !nj_doctor_connect(report, asked))
        return false;
    nj_doctor_doubt_clock(report);
    if (asked->is_json)
        return nj_report_print_json(report, stdout);
    nj_report_print(report, stdout);
    return true;
}

int
nj_cmd_doctor(int argc, char **argv)
{
    struct nj_client_config asked;
    struct nj_report report = {.count = 0};
    int code = NJ_EXIT_COULD_NOT;

    if (nj_client_config_load(&asked, NJ_TOOL_DOCTOR, argc, argv) != 0)
        code = asked.is_told ? NJ_EXIT_GOOD : NJ_EXIT_COULD_NOT;
    else if (examine(&report, &asked))
        code = nj_report_is_bad(&report) ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
    nj_report_fini(&report);
    nj_client_config_fini(&asked);
    return code;
}
