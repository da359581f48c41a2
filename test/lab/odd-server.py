# Answers on OVSDB's socket as no OVSDB server would: odd-server.py SOCKET garbage|wrong|silent. For tests in a host.
import json
import socket
import sys
import threading

path, kind = sys.argv[1:]
ROWS = {'Bridge': {'b': {'new': {'name': 7, 'ports': 'all'}}}, 'Port': None}


def talk(connection):
    with connection:
        while data := connection.recv(65536):
            if kind == 'garbage':
                connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff')
            if kind == 'wrong':
                asked = json.JSONDecoder().raw_decode(data.decode())[0]
                connection.sendall(json.dumps({'id': asked['id'], 'result': ROWS, 'error': None}).encode())


server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(16)
while True:
    threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()
