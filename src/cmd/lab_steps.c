/* SPDX-License-Identifier: Apache-2.0 */
/* lab_steps.c — what the lab says and does, in English and French: the questions of a course's lab
 * on MQTT and its security, each with its answer, up to the mutual TLS that its author did not get
 * to work. The pages in docs/lab/ are made of this. */
#include "cmd/lab.h"

#include "base/compiler.h"

/* clang-format off */
#define SAY(english, french)    {.kind = NJ_LAB_SAY, .words = {{(english), (french)}}}
#define ASK(english, french)    {.kind = NJ_LAB_QUESTION, .words = {{(english), (french)}}}
#define WRITE(file, content)    {.kind = NJ_LAB_WRITE, .name = (file), .text = (content)}
#define RUN(command)            {.kind = NJ_LAB_RUN, .text = (command)}
#define RUN_QUIETLY(command)    {.kind = NJ_LAB_RUN, .text = (command), .is_quiet = true}
#define RUN_TO(exits, command)  {.kind = NJ_LAB_RUN, .text = (command), .code = (exits)}
#define READ(command)           {.kind = NJ_LAB_RUN, .text = (command), .takes_capture = true}
#define SHOW_UNTIL(who, words)  {.kind = NJ_LAB_SHOW, .name = (who), .until = (words)}
#define STOP(who)               {.kind = NJ_LAB_STOP, .name = (who), .is_quiet = true}

#define BROKER(config, last) \
    {.kind = NJ_LAB_START, .name = "broker", .text = "nightjar broker -c " config " -v", \
     .until = (last), .is_quiet = true}
#define SUBSCRIBER(options) \
    {.kind = NJ_LAB_START, .name = "A", .text = "nightjar sub -h localhost -i A " options " -t '#' -v", \
     .until = "Sending SUBACK to A", .by = "broker"}
#define SNIFF(options) \
    {.kind = NJ_LAB_START, .name = "sniff", .text = "nightjar sniff -i lo " options, \
     .until = "Capturing on 'lo': ", .is_capturing = true, .is_quiet = true}
#define STOP_SNIFF {.kind = NJ_LAB_STOP, .name = "sniff", .takes_capture = true, .is_quiet = true}

#define MUTUAL "--cafile pki/clients/A/ca.crt --cert pki/clients/A/client.crt --key pki/clients/A/client.key"

/* --- 1 --- */

static const struct nj_lab_act talk[] = {
    SAY("A broker that lets everybody in, on this machine alone. The course's lab has two machines; what is "
        "typed and what is seen is the same.",
        "Un broker qui laisse entrer tout le monde, sur cette seule machine. Le TP du cours se fait sur deux "
        "machines ; ce que l'on tape et ce que l'on voit est identique."),
    WRITE("open.conf", "listener %plain% 127.0.0.1\nallow_anonymous true\npersistence false\n"),
    BROKER("open.conf", "strudel -m hello\n"),
    SAY("Client A, on the broker's own machine (localhost), subscribes to everything; then somebody publishes.",
        "Le client A, sur la machine même du broker (localhost), s'abonne à tout ; puis quelqu'un publie."),
    SUBSCRIBER("-p %plain%"),
    RUN("nightjar pub -h 127.0.0.1 -p %plain% -i B -m hello -t world"),
    SHOW_UNTIL("A", "hello"),
    SHOW_UNTIL("broker", "Client B"),
    SAY("Publishing and subscribing work. In the broker's log, d0 means that this is no repetition, q0 quality of service 0 (at most once), r0 "
        "that the message is not retained, m0 that it has no packet identifier, which only QoS 1 and 2 need.",
        "La publication et la souscription fonctionnent. Dans le journal du broker, d0 dit que ce n'est pas une répétition, q0 la qualité de service 0 (au plus "
        "une fois), r0 que le message n'est pas retenu, m0 qu'il n'a pas d'identifiant de paquet : seuls "
        "les QoS 1 et 2 en ont besoin."),
};

/* --- 2 --- */

static const struct nj_lab_act look[] = {
    SAY("Now we look at what goes over the wire. On Ethernet one has to be on the path; here, to have the right "
        "to capture on the loopback.",
        "Regardons maintenant ce qui passe sur le réseau. Sur Ethernet, il faut être sur le chemin ; ici, avoir "
        "le droit de capturer sur la boucle locale."),
    SNIFF("--port %plain% -w world.pcap"),
    RUN("nightjar pub -h 127.0.0.1 -p %plain% -i B -m hello -t world"),
    SHOW_UNTIL("A", "hello"),
    STOP_SNIFF,
    READ("nightjar sniff -r world.pcap --port %plain%"),
    ASK("Is the TCP handshake there?", "Le TCP handshake est-il présent dans la capture ?"),
    SAY("Yes: the first three packets, SYN, SYN with ACK, ACK, before the CONNECT. At the end both sides say FIN; the "
        "client's travels with its DISCONNECT. Between them CONNECT, CONNACK, PUBLISH, DISCONNECT, and the PUBLISH to A on a connection that is older "
        "than the capture.",
        "Oui : les trois premiers paquets, SYN, SYN avec ACK, ACK, avant le CONNECT. À la fin, chaque côté dit "
        "FIN ; celui du client voyage avec son DISCONNECT. Entre les deux, CONNECT, CONNACK, PUBLISH, DISCONNECT, et le PUBLISH vers A sur une connexion plus "
        "ancienne que la capture."),
};

/* --- 3 --- */

static const struct nj_lab_act choose[] = {
    SAY("That is a lot to read. One field of one protocol is enough to follow what is talked about:",
        "Cela fait beaucoup à lire. Un seul champ d'un seul protocole suffit pour savoir de quoi on parle :"),
    SNIFF("--port %plain% -Y mqtt -T fields -e mqtt.topic"),
    RUN("nightjar pub -h 127.0.0.1 -p %plain% -i B -m hello -t cheese/strudel"),
    SHOW_UNTIL("A", "strudel"),
    {.kind = NJ_LAB_SHOW, .name = "sniff", .until = "cheese/strudel\n", .times = 2, .takes_capture = true},
    STOP_SNIFF,
    ASK("You publish on cheese/strudel. What is shown?",
        "Vous publiez sur « cheese/strudel ». Qu'obtenez-vous ?"),
    SAY("The topic, taken out of the PUBLISH; twice, since the message goes to the broker and from there to A. The empty "
        "lines are the packets of MQTT that have no topic: CONNECT, CONNACK, DISCONNECT; `-Y mqtt.topic` leaves them out.",
        "Le topic, extrait du PUBLISH ; deux fois, car le message va au broker, puis de là vers A. Les lignes vides sont les "
        "paquets MQTT sans topic : CONNECT, CONNACK, DISCONNECT ; `-Y mqtt.topic` les omet."),
};

/* --- 4 --- */

static const struct nj_lab_act judge[] = {
    ASK("What do you conclude about the confidentiality of this exchange?",
        "Que concluez-vous quant à la confidentialité de l'échange ?"),
    SAY("There is none: the messages cross the network in clear. A report says what somebody on the path has "
        "learnt, and what else is missing:",
        "Il n'y en a pas : les messages transitent en clair. Un rapport dit ce qu'a appris quelqu'un sur le "
        "chemin, et ce qui manque encore :"),
    READ("nightjar sniff -r world.pcap --port %plain% --report --lang %language%"),
    STOP("A"),
    STOP("broker"),
};

/* --- 5 --- */

static const struct nj_lab_act certify[] = {
    ASK("What do certificates have to do with asymmetric encryption?",
        "Rappelez le lien entre les certificats et le chiffrement asymétrique."),
    SAY("A key pair has a public half and a private one: what the private key signs, everybody can check with the "
        "public key, and nobody else can have signed it. A certificate says whose a public key is, and is signed "
        "with the private key of an authority (CA). Who trusts the authority's certificate can therefore check the "
        "broker's. In the handshake the broker signs with its private key, which shows that the certificate is "
        "its own; both sides then agree on a secret (Diffie-Hellman), and encrypt with symmetric keys made of that.",
        "Une paire de clés a une moitié publique et une moitié privée : ce que signe la clé privée, chacun peut le "
        "vérifier avec la clé publique, et nul autre n'a pu le signer. Un certificat dit à qui est une clé "
        "publique ; il est signé par la clé privée d'une autorité (CA). Qui fait confiance au certificat de "
        "l'autorité peut donc contrôler celui du broker. Dans le handshake, le broker signe avec sa clé privée, "
        "ce qui prouve que le certificat est le sien ; puis les deux côtés conviennent d'un secret "
        "(Diffie-Hellman), dont ils tirent les clés symétriques qui chiffrent."),
    ASK("How is a certificate made?", "Rappelez le processus de génération d'un certificat."),
    SAY("A key pair is made; a request has the public key and the names; the authority decides on names, purpose "
        "and dates, hashes them and signs the hash with its private key. First comes an authority:",
        "On crée une paire de clés ; une demande contient la clé publique et les noms ; l'autorité décide des "
        "noms, de l'usage et des dates, en calcule le condensat et le signe avec sa clé privée. D'abord, une autorité :"),
    RUN("nightjar pki init --name 'Lab CA'"),
    RUN("nightjar pki server localhost --san localhost,127.0.0.1"),
    RUN("nightjar pki client A"),
    RUN("nightjar pki client B"),
    ASK("Which version of OpenSSL is installed?", "Quelle est la version d'OpenSSL installée ?"),
    RUN("openssl version"),
    ASK("Which encryption algorithm is used?", "Quel algorithme de chiffrement est utilisé ?"),
    RUN("nightjar pki inspect pki/hosts/localhost/server.crt"),
    SAY("For the key pair and the signature ECDSA on the curve P-256; the course had RSA. The names by which clients call "
        "the broker are in the certificate (subjectAltName), which the course's did not have.",
        "Pour la paire de clés et la signature, ECDSA sur la courbe P-256 ; le cours avait RSA. Les noms par lesquels les "
        "clients appellent le broker sont dans le certificat (subjectAltName), ce qui manquait à celui du cours."),
    ASK("How long is the certificate valid?", "Quelle est la durée de validité du certificat ?"),
    SAY("825 days from the day it was made; the course's 100 days, after which every client would have stopped.",
        "825 jours à compter du jour de sa création ; celui du cours, 100 jours, après quoi tous les clients se seraient "
        "arrêtés."),
    SAY("All that was issued, the clients' certificates too:", "Tout ce qui a été émis, certificats des clients compris :"),
    RUN("nightjar pki list"),
    SAY("For TLS the broker has to know three files: the authority's certificate (ca.crt), its own (server.crt), and the "
        "private key that belongs to that (server.key).",
        "Pour TLS, le broker doit connaître trois fichiers : le certificat de l'autorité (ca.crt), le sien (server.crt) et la "
        "clé privée qui va avec (server.key)."),
    ASK("How do you take these files to the broker?", "Comment choisissez-vous de transférer ces fichiers au broker ?"),
    SAY("By scp, which keeps them confidential and whole. Better still, the private key never travels: it is made "
        "on the host that uses it, and only a request goes to the authority (`nightjar pki sign`).",
        "Par scp, qui garantit confidentialité et intégrité. Mieux encore, la clé privée ne voyage jamais : elle est "
        "créée là où elle sert, et seule une demande va à l'autorité (`nightjar pki sign`)."),
};

/* --- 6 --- */

#define OPENSSL_SUBJECT "/C=FR/ST=France"

#define CLIENT_SUBJECT "'" OPENSSL_SUBJECT "/O=Internet Widgits Pty Ltd'"
#define THEN "--cafile then/ca.crt --cert then/client.crt --key then/client.key"
#define SIGN_THEN(whose) \
    RUN_QUIETLY("openssl x509 -req -in then/" whose ".csr -CA then/ca.crt -CAkey then/ca.key -CAcreateserial " \
                "-out then/" whose ".crt -days 100")

static const struct nj_lab_act fail_as_then[] = {
    SAY("This is how the lab was done at first, with openssl: authority and broker under one name.",
        "Voici comment le TP avait d'abord été fait, avec openssl : l'autorité et le broker sous un seul nom."),
    RUN_QUIETLY("mkdir then && openssl req -x509 -newkey rsa:2048 -nodes -keyout then/ca.key -out then/ca.crt -days 100 "
                "-subj " OPENSSL_SUBJECT "/O=ISIS"),
    RUN_QUIETLY("openssl req -newkey rsa:2048 -nodes -keyout then/broker.key -out then/broker.csr "
                "-subj " OPENSSL_SUBJECT "/O=ISIS"),
    SIGN_THEN("broker"),
    RUN_QUIETLY("openssl req -newkey rsa:2048 -nodes -keyout then/client.key -out then/client.csr "
                "-subj " CLIENT_SUBJECT),
    SIGN_THEN("client"),
    SAY("The course's seven lines of configuration, and persistence, which keeps the broker from writing to this disk:",
        "Les sept lignes de configuration du cours, et persistence, pour que le broker n'écrive rien sur ce disque :"),
    WRITE("then.conf", "listener %secure% 127.0.0.1\nprotocol mqtt\nallow_anonymous true\ncafile then/ca.crt\n"
                       "certfile then/broker.crt\nkeyfile then/broker.key\nrequire_certificate true\n"
                       "persistence false\n"),
    {.kind = NJ_LAB_START, .name = "broker", .text = "nightjar broker -c then.conf -v", .until = "Listening on"},
    SHOW_UNTIL("broker", "Listening on"),
    ASK("On which ports does the server listen?", "Sur quels ports le serveur écoute-t-il ?"),
    SAY("On %secure% alone, as its log says: with a listener in the configuration there is no other.",
        "Sur %secure% seul, comme le dit son journal : dès qu'un listener est configuré, il n'y en a pas d'autre."),
    SAY("The client's command, first as the course has it, where the first slash of --cert is missing: such a path is "
        "looked for from here, and that fails before any connection.",
        "La commande du client, d'abord telle que dans le cours, où il manque la première barre oblique de --cert : un tel "
        "chemin part d'ici, et l'échec précède toute connexion."),
    RUN_TO(1, "nightjar pub -p %secure% --cafile then/ca.crt --cert home/olivier/TP/certs/client/client.crt "
              "--key then/client.key -h 127.0.0.1 -m hello -t world"),
    RUN_TO(8, "nightjar pub -p %secure% " THEN " -h 127.0.0.1 -m hello -t world"),
    SHOW_UNTIL("broker", "disconnected"),
    ASK("Why does it fail, and what mends it?", "Pourquoi cela échoue-t-il, et comment y remédier ?"),
    SAY("The course looked at both certificates, the broker's and the client's:",
        "Le cours a examiné les deux certificats, celui du broker et celui du client :"),
    RUN("openssl x509 -in then/broker.crt -text -noout"),
    RUN("openssl x509 -in then/client.crt -text -noout"),
    SAY("The answer is in the first: Issuer and Subject are the same. Who reads it takes it for a certificate that signed "
        "itself, and looks no further for the authority. The client's has a subject of its own, and is right. So what was "
        "tried then could not help: to make the client's anew; to put the authority into the system's store, which --cafile "
        "gives already; to make all of them anew, unless with other subjects.",
        "La réponse est dans le premier : Issuer et Subject sont identiques. Qui le lit le prend pour auto-signé, et ne "
        "cherche pas plus loin l'autorité. Celui du client a un sujet à lui, et il est bon. Ce qui fut essayé alors ne pouvait "
        "donc pas aider : refaire celui du client ; ajouter l'autorité au magasin du système, alors que --cafile la donne "
        "déjà ; tout refaire, sauf avec d'autres sujets."),
    SAY("Nor does --insecure: that leaves out whether the name is the broker's, and nothing else.",
        "--insecure n'aide pas non plus : cette option omet de vérifier que le nom est celui du broker, et rien d'autre."),
    RUN_TO(8, "nightjar pub -p %secure% " THEN " -h 127.0.0.1 --insecure -m hello -t world"),
    SAY("The author never learnt it, and ended with --insecure, which can only have helped with other certificates than "
        "those. This is what `nightjar doctor` is for:",
        "L'auteur ne l'a jamais su, et a fini avec --insecure, qui n'a pu aider qu'avec d'autres certificats que ceux-là. "
        "C'est à cela que sert `nightjar doctor` :"),
    RUN_TO(1, "nightjar doctor -h 127.0.0.1 -p %secure% " THEN),
    STOP("broker"),
};

/* --- 7 --- */

static const struct nj_lab_act work[] = {
    SAY("The same with the certificates of step 5, and with certificates asked of the clients, too: then both sides "
        "know whom they talk to.",
        "La même chose avec les certificats de l'étape 5, et en exigeant aussi ceux des clients : alors, chacun "
        "sait à qui il parle."),
    WRITE("mutual.conf", "listener %secure% 127.0.0.1\npersistence false\n"
                         "cafile pki/hosts/localhost/ca.crt\ncertfile pki/hosts/localhost/server.crt\n"
                         "keyfile pki/hosts/localhost/server.key\nrequire_certificate true\n"
                         "use_identity_as_username true\ncrlfile pki/crl.pem\n"),
    {.kind = NJ_LAB_START, .name = "broker", .text = "nightjar broker -c mutual.conf -v --tls-keylog secrets.txt",
     .until = "Listening on", .is_quiet = true},
    SUBSCRIBER("-p %secure% " MUTUAL),
    RUN("nightjar pub -h 127.0.0.1 -p %secure% -i B --cafile pki/clients/B/ca.crt --cert pki/clients/B/client.crt "
        "--key pki/clients/B/client.key -m hello -t world"),
    SHOW_UNTIL("A", "hello"),
    SHOW_UNTIL("broker", "Client B"),
    SAY("Who has no certificate of this authority does not get in:",
        "Qui n'a pas de certificat de cette autorité n'entre pas :"),
    RUN_TO(8, "nightjar pub -h 127.0.0.1 -p %secure% --cafile pki/clients/B/ca.crt -m hello -t world"),
};

/* --- 8 --- */

static const struct nj_lab_act hide[] = {
    SNIFF("--port %secure% -w secret.pcap"),
    RUN("nightjar pub -h 127.0.0.1 -p %secure% -i B --cafile pki/clients/B/ca.crt --cert pki/clients/B/client.crt "
        "--key pki/clients/B/client.key -m hello -t world"),
    SHOW_UNTIL("A", "hello"),
    STOP_SNIFF,
    READ("nightjar sniff -r secret.pcap --port %secure% -Y tls"),
    READ("nightjar sniff -r secret.pcap --port %secure% -Y mqtt -T fields -e mqtt.topic"),
    ASK("What is left to read?", "Que reste-t-il à lire ?"),
    SAY("No topic, no message, no name: addresses, times and lengths, and that it is TLS 1.3. Confidentiality and "
        "integrity are kept, and both sides have shown who they are.",
        "Ni topic, ni message, ni nom : des adresses, des instants, des longueurs, et le fait que c'est TLS 1.3. La "
        "confidentialité et l'intégrité sont assurées, et chaque côté a prouvé son identité."),
    READ("nightjar sniff -r secret.pcap --port %secure% --report --lang %language%"),
    SAY("A teacher can show both sides: the broker was told to write the secrets of its sessions into a file, and "
        "who has that file reads everything. Nobody should have one otherwise.",
        "Un enseignant peut montrer les deux côtés : on avait demandé au broker d'écrire les secrets de ses sessions "
        "dans un fichier, et qui a ce fichier lit tout. Personne ne devrait en avoir hors d'un cours."),
    READ("nightjar sniff -r secret.pcap --port %secure% --keylog secrets.txt -Y mqtt.topic -T fields -e mqtt.topic"),
    {.kind = NJ_LAB_SAY, .takes_capture = true, .words = {{
        "The record that stays closed is of A's connection: the capture began after its handshake, and the secrets are "
        "found by that.",
        "L'enregistrement qui reste fermé est celui de la connexion de A : la capture a commencé après son handshake, par "
        "lequel on retrouve les secrets."}}},
    STOP("A"),
    STOP("broker"),
};

#define STEP(english, french, acts) {{{(english), (french)}}, (acts), NJ_COUNT_OF(acts)}

const struct nj_lab_step nj_lab_steps[] = {
    STEP("A broker, a subscriber, a publisher", "Un broker, un abonné, un éditeur", talk),
    STEP("What goes over the wire", "Ce qui passe sur le réseau", look),
    STEP("Only the topics", "Les topics seuls", choose),
    STEP("Is it confidential?", "Est-ce confidentiel ?", judge),
    STEP("An authority and its certificates", "Une autorité et ses certificats", certify),
    STEP("Why TLS failed", "Pourquoi TLS a échoué", fail_as_then),
    STEP("Mutual TLS that works", "Un TLS mutuel qui marche", work),
    STEP("A capture in which nothing can be read", "Une capture où rien ne se lit", hide),
};
const size_t nj_lab_step_count = NJ_COUNT_OF(nj_lab_steps);

/* clang-format on */
