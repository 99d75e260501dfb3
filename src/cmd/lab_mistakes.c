/* SPDX-License-Identifier: Apache-2.0 */
/* lab_mistakes.c — the mistakes of the exam, in English and French. All begin with the same right
 * set-up: an authority, a certificate for the broker and one for client A, mutual TLS (lab_exam.c).
 * Each makes one thing of it wrong. What `nightjar pki` would not do is done with openssl, as who
 * made the mistake had to. */
#include "cmd/lab.h"

#include "base/compiler.h"

/* clang-format off */

/* --- files: signed anew, in pki/ itself --- */

#define SERVER "pki/hosts/localhost/server"
#define CLIENT "pki/clients/A/client"

#define NAMES "subjectAltName=DNS:localhost,IP:127.0.0.1\\n"
#define FOR_SERVERS "basicConstraints=CA:FALSE\\nextendedKeyUsage=serverAuth\\n"
#define FOR_CLIENTS "basicConstraints=CA:FALSE\\nextendedKeyUsage=clientAuth\\n"
#define FOR_AUTHORITIES "basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign,cRLSign\\nsubjectKeyIdentifier=hash\\n"

#define SIGNER \
    "mkdir made && : >made/index && printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=made/index\\nrand_serial=yes\\n" \
    "new_certs_dir=made\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=optional\\norganizationName=optional\\n' " \
    ">made/ca.cnf && "
#define SIGN_BY(signer, file, subject, extensions, dates) \
    "openssl req -new -key " file ".key -subj '" subject "' -out made/request && printf '" extensions "' >made/extensions && " \
    "openssl ca -batch -notext -config made/ca.cnf " signer " -in made/request -out " file ".crt " \
    "-extfile made/extensions " dates
#define SIGN(file, subject, extensions, dates) \
    SIGNER SIGN_BY("-cert pki/ca.crt -keyfile pki/ca.key", file, subject, extensions, dates)
#define PAST   "-startdate 20240101000000Z -enddate 20250101000000Z"
#define FUTURE "-startdate 20480101000000Z -enddate 20490101000000Z"
#define NOW    "-days 100"

/* --- the broker's side, and the client's --- */

#define LISTENER "listener %secure% 127.0.0.1\npersistence false\n"
#define BROKER_FILES "certfile " SERVER ".crt\nkeyfile " SERVER ".key\n"
#define CLIENTS_CHECKED "cafile pki/ca.crt\nrequire_certificate true\n"
#define MUTUAL LISTENER "allow_anonymous true\n" BROKER_FILES CLIENTS_CHECKED

#define TO_BROKER "-h 127.0.0.1 -p %secure% "
#define SHOWS_A "--cert " CLIENT ".crt --key " CLIENT ".key"
#define RIGHT TO_BROKER "--cafile pki/ca.crt " SHOWS_A

/* --- the mistakes --- */

#define IN(english, french) {{(english), (french)}}

const struct nj_lab_mistake nj_lab_mistakes[] = {
    /* whom the client trusts */
    {.name = IN("The client trusts another authority than the broker's.",
                "Le client fait confiance à une autre autorité que celle du broker."),
     .why = IN("The issuer of the broker's certificate is not in the client's --cafile, so the client ends the handshake with "
               "alert 48 unknown_ca; --insecure would change nothing.",
               "L'émetteur du certificat du broker n'est pas dans le --cafile du client, qui met fin au handshake par l'alerte "
               "48 unknown_ca ; --insecure n'y changerait rien."),
     .mend = IN("Give it --cafile with the certificate of the authority that signed the broker's.",
                "Lui donner --cafile avec le certificat de l'autorité qui a signé celui du broker."),
     .prepare = "nightjar pki init --dir other --name 'Another CA'", .config = MUTUAL,
     .client = TO_BROKER "--cafile other/ca.crt " SHOWS_A, .code = 8},

    {.name = IN("The client looks for the authority among the system's, where it is not.",
                "Le client cherche l'autorité parmi celles du système, où elle n'est pas."),
     .why = IN("An authority of one's own is in no system's store until somebody puts it there; the alert is 48 unknown_ca.",
               "Une autorité que l'on a créée n'est dans le magasin d'aucun système tant que personne ne l'y met ; l'alerte "
               "est 48 unknown_ca."),
     .mend = IN("Give --cafile pki/ca.crt, or install the authority (update-ca-certificates).",
                "Donner --cafile pki/ca.crt, ou installer l'autorité (update-ca-certificates)."),
     .config = MUTUAL, .client = TO_BROKER "--tls-use-os-certs " SHOWS_A, .code = 8},

    {.name = IN("The authority was made anew under the same name, and the client has the one before.",
                "L'autorité a été refaite sous le même nom, et le client a gardé la précédente."),
     .why = IN("Issuer and subject read the same, but the key is another one: the signature, or the key identifier, does not fit.",
               "L'émetteur et le sujet se lisent pareil, mais la clé est une autre : la signature, ou l'identifiant de clé, ne "
               "correspond pas."),
     .mend = IN("Copy the new ca.crt to all clients, and give each generation of an authority a name of its own.",
                "Copier le nouveau ca.crt chez tous les clients, et donner un nom propre à chaque génération d'autorité."),
     .prepare = "nightjar pki init --dir before --name 'Lab CA'", .config = MUTUAL,
     .client = TO_BROKER "--cafile before/ca.crt " SHOWS_A, .code = 8},

    {.name = IN("The client was given the broker's certificate where the authority's belongs.",
                "Le client a reçu le certificat du broker à la place de celui de l'autorité."),
     .why = IN("What vouches for a certificate is the authority that signed it, not a copy of the certificate itself.",
               "Ce qui répond d'un certificat, c'est l'autorité qui l'a signé, pas une copie du certificat lui-même."),
     .mend = IN("Give --cafile pki/ca.crt.", "Donner --cafile pki/ca.crt."),
     .config = MUTUAL, .client = TO_BROKER "--cafile " SERVER ".crt " SHOWS_A, .code = 8},

    {.name = IN("The client's file of authorities is DER, and only PEM is read.",
                "Le fichier d'autorités du client est en DER, et seul le PEM est lu."),
     .why = IN("It fails before any handshake: the file has no line BEGIN CERTIFICATE.",
               "L'échec précède tout handshake : le fichier n'a pas de ligne BEGIN CERTIFICATE."),
     .mend = IN("openssl x509 -inform der -in pki/ca.der -out ca.crt", "openssl x509 -inform der -in pki/ca.der -out ca.crt"),
     .prepare = "openssl x509 -in pki/ca.crt -outform der -out pki/ca.der", .config = MUTUAL,
     .client = TO_BROKER "--cafile pki/ca.der " SHOWS_A, .code = 1},

    /* the broker's certificate */
    {.name = IN("The authority and the broker have the same subject.", "L'autorité et le broker ont le même sujet."),
     .why = IN("A certificate whose issuer is its subject passes for one that signed itself, and that one is not trusted: alert "
               "48 unknown_ca, which --insecure does not hide. This is how the course's lab failed.",
               "Un certificat dont l'émetteur est le sujet passe pour auto-signé, et personne ne s'y fie : alerte 48 "
               "unknown_ca, que --insecure ne cache pas. C'est ainsi qu'avait échoué le TP du cours."),
     .mend = IN("Issue the broker's certificate under a name of its own: it looks as if it had signed itself.",
                "Refaire le certificat du broker sous un nom à lui : il a l'air de s'être signé lui-même."),
     .prepare = "openssl req -x509 -new -key pki/ca.key -out pki/ca.crt -days 100 -subj /O=ISIS && "
                "openssl req -new -key " SERVER ".key -out " SERVER ".csr -subj /O=ISIS && "
                "printf 'subjectKeyIdentifier=none\\nauthorityKeyIdentifier=none\\n" NAMES "' >" SERVER ".ext && "
                "openssl x509 -req -in " SERVER ".csr -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -days 100 "
                "-extfile " SERVER ".ext -out " SERVER ".crt",
     .config = LISTENER "allow_anonymous true\n" BROKER_FILES, .client = TO_BROKER "--cafile pki/ca.crt", .code = 8},

    {.name = IN("The broker's certificate does not have the name that the client calls.",
                "Le certificat du broker ne porte pas le nom qu'appelle le client."),
     .why = IN("The chain is right, the names are others: without this check, whoever has any certificate of the authority "
               "could pose as the broker. It is the one check that --insecure leaves out.",
               "La chaîne est bonne, les noms sont autres : sans ce contrôle, quiconque a un certificat de l'autorité pourrait "
               "se faire passer pour le broker. C'est le seul contrôle qu'omet --insecure."),
     .mend = IN("Issue it again with --san and that name, or call the broker by a name that it has.",
                "Le refaire avec --san et ce nom, ou appeler le broker par un nom qu'il porte."),
     .prepare = "nightjar pki server localhost --force --san broker.example", .config = MUTUAL, .client = RIGHT, .code = 8},

    {.name = IN("The broker's certificate has no subjectAltName at all.",
                "Le certificat du broker n'a aucun subjectAltName."),
     .why = IN("As in the course's lab, once its subject was mended: the common name is not what the client calls.",
               "Comme dans le TP du cours, une fois le sujet corrigé : le nom commun n'est pas ce qu'appelle le client."),
     .mend = IN("nightjar pki server localhost --force --san localhost,127.0.0.1",
                "nightjar pki server localhost --force --san localhost,127.0.0.1"),
     .prepare = SIGN(SERVER, "/CN=broker", FOR_SERVERS, NOW), .config = MUTUAL, .client = RIGHT, .code = 8},

    {.name = IN("The broker's certificate has expired.", "Le certificat du broker a expiré."),
     .why = IN("Its last day (notAfter) is over: alert 45 certificate_expired, from whoever looks at the date.",
               "Son dernier jour (notAfter) est passé : alerte 45 certificate_expired, de qui regarde la date."),
     .mend = IN("Issue it anew (nightjar pki renew), and watch the dates: nightjar pki list.",
                "Le renouveler (nightjar pki renew), et surveiller les dates : nightjar pki list."),
     .prepare = SIGN(SERVER, "/CN=localhost", FOR_SERVERS NAMES, PAST), .config = MUTUAL, .client = RIGHT, .code = 8},

    {.name = IN("The broker's certificate is not valid yet.", "Le certificat du broker n'est pas encore valable."),
     .why = IN("Its first day (notBefore) is still to come: the clock of who signed it was ahead, or this one is behind.",
               "Son premier jour (notBefore) est à venir : l'horloge de qui l'a signé avançait, ou celle-ci retarde."),
     .mend = IN("Set the clocks, and issue it anew.", "Régler les horloges, et le refaire."),
     .prepare = SIGN(SERVER, "/CN=localhost", FOR_SERVERS NAMES, FUTURE), .config = MUTUAL, .client = RIGHT, .code = 8},

    {.name = IN("The authority's certificate has expired.", "Le certificat de l'autorité a expiré."),
     .why = IN("The broker's own dates are good; it is the issuer above it (depth 1) whose last day is over.",
               "Les dates du broker sont bonnes ; c'est l'émetteur au-dessus (depth 1) dont le dernier jour est passé."),
     .mend = IN("A new certificate for the same key (nightjar pki renew --ca), copied to all.",
                "Un nouveau certificat pour la même clé (nightjar pki renew --ca), copié partout."),
     .prepare = SIGNER SIGN_BY("-selfsign -keyfile pki/ca.key", "pki/ca", "/CN=Lab CA", FOR_AUTHORITIES, PAST),
     .config = MUTUAL, .client = RIGHT, .code = 8},

    {.name = IN("The broker does not send the intermediate between its certificate and the authority.",
                "Le broker n'envoie pas le certificat intermédiaire entre le sien et l'autorité."),
     .why = IN("The client knows the root only: who signed the broker's certificate is neither in its file nor sent along.",
               "Le client ne connaît que la racine : qui a signé le certificat du broker n'est ni dans son fichier ni envoyé."),
     .mend = IN("In certfile the broker's certificate first, the intermediate after it.",
                "Dans certfile, d'abord le certificat du broker, puis l'intermédiaire."),
     .prepare = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.crt "
                "-days 100 -subj '/CN=Root CA' && " SIGNER "cp pki/ca.key inter.key && "
                SIGN_BY("-cert root.crt -keyfile root.key", "inter", "/CN=Lab CA", FOR_AUTHORITIES, NOW),
     .config = MUTUAL, .client = TO_BROKER "--cafile root.crt " SHOWS_A, .code = 8},

    /* the client's certificate */
    {.name = IN("The broker requires a certificate, and the client shows none.",
                "Le broker exige un certificat, et le client n'en montre pas."),
     .why = IN("Mutual TLS: the broker's certificate alone is not enough where require_certificate is true; alert 116 "
               "certificate_required.",
               "TLS mutuel : le certificat du broker ne suffit pas là où require_certificate est true ; alerte 116 "
               "certificate_required."),
     .mend = IN("Issue one (nightjar pki client), and give it with --cert and --key.",
                "En émettre un (nightjar pki client), et le donner avec --cert et --key."),
     .config = MUTUAL, .client = TO_BROKER "--cafile pki/ca.crt", .code = 8, .is_told_by_broker = true},

    {.name = IN("The client's certificate is of an authority that the broker does not know.",
                "Le certificat du client vient d'une autorité que le broker ne connaît pas."),
     .why = IN("The broker's cafile is the one that signed its own certificate, as it should be; another one signed the client's.",
               "Le cafile du broker est bien l'autorité qui a signé son certificat ; c'est une autre qui a signé celui du client."),
     .mend = IN("Issue one with the authority that the broker's cafile names.",
                "En émettre un avec l'autorité que nomme le cafile du broker."),
     .prepare = "nightjar pki init --dir other --name 'Another CA' && nightjar pki client --dir other A", .config = MUTUAL,
     .client = TO_BROKER "--cafile pki/ca.crt --cert other/clients/A/client.crt --key other/clients/A/client.key", .code = 8, .is_told_by_broker = true},

    {.name = IN("The broker's cafile is not the authority that signed the client's certificate, and its own.",
                "Le cafile du broker n'est pas l'autorité qui a signé le certificat du client, et le sien."),
     .why = IN("The client's certificate is the right one: both sides' have one issuer, which the broker's cafile does not hold.",
               "Le certificat du client est le bon : les deux ont un même émetteur, que le cafile du broker ne contient pas."),
     .mend = IN("cafile pki/ca.crt in exam.conf.", "cafile pki/ca.crt dans exam.conf."),
     .prepare = "nightjar pki init --dir other --name 'Another CA'",
     .config = LISTENER "allow_anonymous true\n" BROKER_FILES "cafile other/ca.crt\nrequire_certificate true\n",
     .client = RIGHT, .code = 8, .is_told_by_broker = true},

    {.name = IN("The client's certificate has expired.", "Le certificat du client a expiré."),
     .why = IN("Now it is the broker that looks at the date and refuses, with alert 45 certificate_expired.",
               "Cette fois, c'est le broker qui regarde la date et refuse, par l'alerte 45 certificate_expired."),
     .mend = IN("Issue it anew: nightjar pki renew A.", "Le renouveler : nightjar pki renew A."),
     .prepare = SIGN(CLIENT, "/CN=A", FOR_CLIENTS, PAST), .config = MUTUAL, .client = RIGHT, .code = 8, .is_told_by_broker = true},

    {.name = IN("The client shows a certificate that is for brokers.",
                "Le client montre un certificat destiné à un broker."),
     .why = IN("The purpose (extendedKeyUsage) is serverAuth, and the broker wants clientAuth: alert 43 unsupported_certificate.",
               "L'usage (extendedKeyUsage) est serverAuth, et le broker veut clientAuth : alerte 43 unsupported_certificate."),
     .mend = IN("Issue one for clients: nightjar pki client.", "En émettre un pour les clients : nightjar pki client."),
     .config = MUTUAL, .client = TO_BROKER "--cafile pki/ca.crt --cert " SERVER ".crt --key " SERVER ".key", .code = 8, .is_told_by_broker = true},

    {.name = IN("The client's certificate is revoked.", "Le certificat du client est révoqué."),
     .why = IN("Its number is in the list that crlfile names: alert 44 certificate_revoked.",
               "Son numéro est dans la liste que nomme crlfile : alerte 44 certificate_revoked."),
     .mend = IN("If it should not be: issue a new one with a new key.",
                "S'il ne doit pas l'être : en émettre un nouveau, avec une nouvelle clé."),
     .prepare = "nightjar pki revoke A", .config = MUTUAL "crlfile pki/crl.pem\n", .client = RIGHT, .code = 8, .is_told_by_broker = true},

    {.name = IN("The broker's list of revoked certificates is out of date.",
                "La liste de révocation du broker est périmée."),
     .why = IN("Nobody can say any more who is revoked, so every client is refused, with alert 45 certificate_expired, although "
               "its certificate has not expired.",
               "Plus personne ne peut dire qui est révoqué : tout client est refusé, par l'alerte 45 certificate_expired, bien "
               "que son certificat n'ait pas expiré."),
     .mend = IN("Make a new list (nightjar pki crl), before the day that the old one names.",
                "Refaire la liste (nightjar pki crl), avant le jour que nomme l'ancienne."),
     .prepare = SIGNER "openssl ca -config made/ca.cnf -cert pki/ca.crt -keyfile pki/ca.key -gencrl "
                "-crl_lastupdate 20240101000000Z -crl_nextupdate 20250101000000Z -out pki/crl.pem",
     .config = MUTUAL "crlfile pki/crl.pem\n", .client = RIGHT, .code = 8, .is_told_by_broker = true},

    {.name = IN("The client's certificate has no common name, from which the broker takes the user name.",
                "Le certificat du client n'a pas de nom commun, d'où le broker tire le nom d'utilisateur."),
     .why = IN("TLS succeeds, and MQTT refuses: use_identity_as_username finds no CN. The course's client certificate was so.",
               "TLS réussit, et MQTT refuse : use_identity_as_username ne trouve pas de CN. Tel était le certificat client du "
               "cours."),
     .mend = IN("Issue it with a common name (nightjar pki client A), or use_subject_as_username true.",
                "Le refaire avec un nom commun (nightjar pki client A), ou use_subject_as_username true."),
     .prepare = SIGN(CLIENT, "/O=Internet Widgits Pty Ltd", FOR_CLIENTS, NOW),
     .config = LISTENER BROKER_FILES CLIENTS_CHECKED "use_identity_as_username true\n", .client = RIGHT, .code = 4, .is_told_by_broker = true},

    /* files that do not fit, or cannot be used */
    {.name = IN("The client's key does not belong to its certificate.",
                "La clé du client ne correspond pas à son certificat."),
     .why = IN("The public half of the key is not the one in the certificate; the client finds that out itself.",
               "La moitié publique de la clé n'est pas celle du certificat ; le client s'en aperçoit lui-même."),
     .mend = IN("Give --key with the key that was made for this certificate.",
                "Donner --key avec la clé qui a été créée pour ce certificat."),
     .prepare = "nightjar pki client B", .config = MUTUAL,
     .client = TO_BROKER "--cafile pki/ca.crt --cert " CLIENT ".crt --key pki/clients/B/client.key", .code = 1},

    {.name = IN("The client may not read its key.", "Le client n'a pas le droit de lire sa clé."),
     .why = IN("The file is there, its mode lets nobody read it; the client stops before any connection.",
               "Le fichier est là, ses droits ne laissent personne le lire ; le client s'arrête avant toute connexion."),
     .mend = IN("chmod 600 " CLIENT ".key, as the user who runs the client.",
                "chmod 600 " CLIENT ".key, sous le compte qui lance le client."),
     .prepare = "chmod 000 " CLIENT ".key", .config = MUTUAL, .client = RIGHT, .code = 1},

    {.name = IN("The client's key is too small.", "La clé du client est trop petite."),
     .why = IN("RSA of 1024 bits can be broken; OpenSSL does not load such a certificate.",
               "RSA 1024 bits peut être cassé ; OpenSSL ne charge pas un tel certificat."),
     .mend = IN("A new key: RSA of 2048 bits or more, or P-256 (nightjar pki client).",
                "Une nouvelle clé : RSA 2048 bits ou plus, ou P-256 (nightjar pki client)."),
     .prepare = "openssl genrsa -out " CLIENT ".key 1024 && " SIGN(CLIENT, "/CN=A", FOR_CLIENTS, NOW), .config = MUTUAL,
     .client = RIGHT, .code = 1},

    {.name = IN("The broker's key does not belong to its certificate.",
                "La clé du broker ne correspond pas à son certificat."),
     .why = IN("Made anew, the key is not the one whose public half the certificate has; so the broker cannot prove that the "
               "certificate is its own, and does not start.",
               "Refaite, la clé n'est plus celle dont le certificat contient la moitié publique ; le broker ne peut donc prouver "
               "que le certificat est le sien, et ne démarre pas."),
     .mend = IN("Bring back the key that the certificate was made with, or issue a certificate for the new one.",
                "Remettre la clé avec laquelle le certificat a été fait, ou en émettre un pour la nouvelle."),
     .prepare = "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out " SERVER ".key", .config = MUTUAL,
     .code = 1},

    {.name = IN("A file that the broker's configuration names does not exist.",
                "Un fichier que nomme la configuration du broker n'existe pas."),
     .why = IN("A letter too many, brocker for broker, is enough; the broker says which line, and does not start.",
               "Une lettre de trop, brocker pour broker, suffit ; le broker dit à quelle ligne, et ne démarre pas."),
     .mend = IN("Correct the path in exam.conf.", "Corriger le chemin dans exam.conf."),
     .prepare = "cp " SERVER ".crt broker.crt && cp " SERVER ".key broker.key",
     .config = LISTENER "allow_anonymous true\ncertfile brocker.crt\nkeyfile broker.key\n" CLIENTS_CHECKED, .code = 1},

    /* who speaks what */
    {.name = IN("The client speaks TLS, and the listener does not.", "Le client parle TLS, et le listener non."),
     .why = IN("The first byte of a ClientHello, 0x16, is no packet of MQTT that may come first: the broker hangs up, and the "
               "client sees no answer to its handshake.",
               "Le premier octet d'un ClientHello, 0x16, n'est pas un paquet MQTT qui puisse venir en premier : le broker "
               "raccroche, et le client n'a pas de réponse à son handshake."),
     .mend = IN("Give the listener certfile and keyfile, or leave --cafile away.",
                "Donner certfile et keyfile au listener, ou retirer --cafile."),
     .config = LISTENER "allow_anonymous true\n", .client = TO_BROKER "--cafile pki/ca.crt", .code = 8},

    {.name = IN("The listener speaks TLS, and the client does not.", "Le listener parle TLS, et le client non."),
     .why = IN("The first byte of a CONNECT, 0x10, is no record of TLS: the broker hangs up. Whoever was listening has read the "
               "client's packet all the same.",
               "Le premier octet d'un CONNECT, 0x10, n'est pas un enregistrement TLS : le broker raccroche. Qui écoutait a tout "
               "de même lu le paquet du client."),
     .mend = IN("Give the client --cafile pki/ca.crt, and its --cert and --key.",
                "Donner au client --cafile pki/ca.crt, et ses --cert et --key."),
     .config = MUTUAL, .client = TO_BROKER, .code = 7},

    {.name = IN("Client and broker have no version of TLS in common.",
                "Client et broker n'ont aucune version de TLS en commun."),
     .why = IN("The listener wants TLS 1.3 (tls_version), and old.cnf keeps the client at 1.2: alert 70 protocol_version.",
               "Le listener veut TLS 1.3 (tls_version), et old.cnf limite le client à 1.2 : alerte 70 protocol_version."),
     .mend = IN("tls_version tlsv1.2 in exam.conf, or a newer client.",
                "tls_version tlsv1.2 dans exam.conf, ou un client plus récent."),
     .prepare = "printf 'openssl_conf=i\\n[i]\\nssl_conf=s\\n[s]\\nsystem_default=d\\n[d]\\nMaxProtocol=TLSv1.2\\n' >old.cnf",
     .config = MUTUAL "tls_version tlsv1.3\n", .environment = "OPENSSL_CONF=old.cnf ", .client = RIGHT, .code = 8, .is_told_by_broker = true},

    {.name = IN("TLS is right, and the broker lets nobody in without a password.",
                "TLS est bon, et le broker ne laisse entrer personne sans mot de passe."),
     .why = IN("The refusal is MQTT's, in the CONNACK, after a handshake without fault: a certificate is no login until the "
               "broker is told so.",
               "Le refus vient de MQTT, dans le CONNACK, après un handshake sans faute : un certificat n'est pas une "
               "identification tant qu'on ne le dit pas au broker."),
     .mend = IN("use_identity_as_username true in exam.conf, or a password_file and -u.",
                "use_identity_as_username true dans exam.conf, ou un password_file et -u."),
     .config = LISTENER BROKER_FILES CLIENTS_CHECKED, .client = RIGHT, .code = 5, .is_told_by_broker = true},
};
const size_t nj_lab_mistake_count = NJ_COUNT_OF(nj_lab_mistakes);
/* clang-format on */
